"""submission.csv in the order of Kaggle's sample, checked before it stands there."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline import files, paths
from pipeline.clean_tables import ORDER_FILE
from pipeline.competition.rows import read_rows
from pipeline.competition.schema import (
    ELEMENT_ID,
    LABELS,
    SAMPLE_SUBMISSION,
    SUBMISSION_COLUMNS,
)
from pipeline.errors import UserError
from pipeline.tables.columns import Columns
from pipeline.tables.predictions import Predictions, align, check_predictions

_DECIMALS = 8  # three of them round a row's sum by 1.5e-8 at most


def read_order() -> list[str]:
    """The ids in the order of Kaggle's sample."""
    return Columns(paths.clean("test") / ORDER_FILE, [ELEMENT_ID]).strings(ELEMENT_ID)


def write_submission(
    path: Path,
    order: Sequence[str],
    element_ids: Sequence[str],
    probabilities: Float[np.ndarray, "rows labels"],
) -> None:
    """Write a submission that holds every id of `order` once, in that order.

    Args:
      path: the file.
      order: the ids of Kaggle's sample.
      element_ids: of the rows of `probabilities`, in any order.
      probabilities: finite, from 0 to 1, rows sum to 1.

    Raises:
      UserError: an id is missing, unknown or repeated, or a row is no distribution.
    """
    folds = np.zeros(len(element_ids), np.int8)
    rows = Predictions(list(element_ids), folds, probabilities)
    values = align(rows, order, path)
    check_predictions(Predictions(list(order), folds[: len(order)], values), path)
    with files.atomic_file(path) as temporary:
        temporary.write_text(_text(order, values), encoding="utf-8", newline="")
        # Before the file gets its name: what stands there has been read back and is right.
        check_submission(temporary, order, path)


def write_probabilities(
    path: Path, element_ids: Sequence[str], probabilities: Float[np.ndarray, "rows labels"]
) -> None:
    """Write probabilities in a submission's columns, of whatever elements they are."""
    folds = np.zeros(len(element_ids), np.int8)
    check_predictions(Predictions(list(element_ids), folds, probabilities), path)
    files.write_text(path, _text(element_ids, probabilities))


def check_submission(path: Path, order: Sequence[str], name: Path | None = None) -> None:
    """Read a submission back and hold it to Kaggle's rules.

    Args:
      path: the file.
      order: the ids of Kaggle's sample.
      name: for messages, where it isn't `path`.

    Raises:
      UserError: other columns, other ids or another order, or a row that is no distribution.
    """
    name = name or path
    header, rows, _ = read_rows(path)
    if tuple(header) != SUBMISSION_COLUMNS:
        columns = ",".join(SUBMISSION_COLUMNS)
        raise UserError(f"{name}: expected columns {columns}, found {','.join(header)!r}")
    if [row[0] for row in rows] != list(order):
        raise UserError(f"{name}: {ELEMENT_ID}: expected {SAMPLE_SUBMISSION}'s ids in its order")
    try:
        values = np.array([row[1:] for row in rows], float).reshape(len(order), len(LABELS))
    except ValueError:
        raise UserError(f"{name}: expected {len(LABELS)} numbers in each row") from None
    check_predictions(Predictions(list(order), np.zeros(len(order), np.int8), values), name)


def _text(order: Sequence[str], values: Float[np.ndarray, "rows labels"]) -> str:
    lines = [",".join(SUBMISSION_COLUMNS)]
    for element_id, row in zip(order, values.tolist(), strict=True):
        lines.append(",".join([_quoted(element_id), *(f"{value:.{_DECIMALS}f}" for value in row)]))
    return "\n".join(lines) + "\n"


def _quoted(cell: str) -> str:
    """Quote a cell that CSV would take for more than one."""
    # Before Python 3.13 `csv` leaves a carriage return as it is where lines end without one.
    if re.search(r'[,"\r\n]', cell) is None:
        return cell
    return '"' + cell.replace('"', '""') + '"'
