"""Someone else's model as a member: its CSV files of probabilities, checked against our elements.

Nobody can see from here that its out-of-fold predictions are honest: it has to have kept an essay's
elements in one fold, and to have trained on no row that it predicts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline import params, paths
from pipeline.competition.rows import check_columns, check_once, read_rows
from pipeline.competition.schema import ELEMENT_ID, LABELS, SUBMISSION_COLUMNS
from pipeline.errors import UserError
from pipeline.tables.elements import Elements
from pipeline.tables.predictions import Predictions, check_ids, write_tables
from pipeline.units import NO_FOLD

_EXACT = 1e-6  # of a row's sum; a row that is further off is rescaled and counted
_ROUNDED = (
    0.01  # rounding to two digits leaves sums of 0.99 to 1.01; what is further off is refused
)
_NUMBER = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.I
)


@dataclass(frozen=True)
class Probabilities:
    """Rows of a file, rescaled to sum to 1."""

    element_ids: list[str]
    values: Float[np.ndarray, "rows labels"]
    rescaled: int  # how many of them had another sum


def adopt(
    name: str, member: params.Member, elements: Elements, test_ids: Sequence[str]
) -> tuple[int, int]:
    """Check both files of a member, then write its tables.

    Returns:
      The numbers of rows that were rescaled: out of fold, and of the test set.

    Raises:
      UserError: a file is at fault; see `read_probabilities`, and `check_ids` for the ids.
    """
    oof, test = read_probabilities(Path(member.oof)), read_probabilities(Path(member.test))
    of_elements = _in_order(oof, elements.element_ids, member.oof)
    of_test = _in_order(test, test_ids, member.test)
    no_folds = np.full(len(test_ids), NO_FOLD)
    write_tables(
        {
            paths.oof(name): Predictions(elements.element_ids, elements.folds, of_elements),
            paths.test(name): Predictions(list(test_ids), no_folds, of_test),
        }
    )
    return oof.rescaled, test.rescaled


def read_probabilities(path: Path) -> Probabilities:
    """Read the columns of a submission; others are ignored.

    Rows of rounded probabilities are rescaled. Odds, ranks, logits and percentages are refused.

    Raises:
      UserError: the file is missing or no rectangular CSV, a column is missing or stands twice, an
        id is empty, or a row holds no probabilities that sum to 1 within 0.01. It names the line.
    """
    rows = read_rows(path)
    check_once(path, rows.header, SUBMISSION_COLUMNS)
    check_columns(path, rows.header, SUBMISSION_COLUMNS)
    id_place, *places = (rows.header.index(column) for column in SUBMISSION_COLUMNS)
    ids: list[str] = []
    values = np.zeros((len(rows.fields), len(LABELS)))
    for i, (line, fields) in enumerate(zip(rows.lines, rows.fields, strict=True)):
        where = f"{path}: line {line}"
        ids.append(_id(where, fields[id_place]))
        cells = [fields[place] for place in places]
        values[i] = [_probability(where, *cell) for cell in zip(LABELS, cells, strict=True)]
        _check_sum(where, values[i].sum())
    sums = values.sum(axis=1, keepdims=True)
    return Probabilities(ids, values / sums, int((np.abs(sums - 1.0) > _EXACT).sum()))


def _id(where: str, cell: str) -> str:
    if not cell.strip():
        raise UserError(f"{where}: column {ELEMENT_ID!r}: expected an id, found {cell!r}")
    return cell.strip()


def _probability(where: str, label: str, cell: str) -> float:
    where = f"{where}: column {label!r}"
    if not _NUMBER.fullmatch(cell.strip()):
        raise UserError(f"{where}: expected a number, found {cell!r}")
    value = float(cell)
    if not np.isfinite(value) or value < 0.0:
        raise UserError(f"{where}: expected a finite number that is not negative, found {cell!r}")
    if value > 1.0 + _ROUNDED:
        raise UserError(f"{where}: expected a probability from 0 to 1, found {cell!r}")
    return value


def _check_sum(where: str, total: float) -> None:
    if round(abs(total - 1.0), 6) > _ROUNDED:
        raise UserError(
            f"{where}: columns {', '.join(LABELS)}: expected a sum of {1 - _ROUNDED:.2f} to "
            f"{1 + _ROUNDED:.2f}, found {total:.6g}"
        )


def _in_order(
    rows: Probabilities, wanted: Sequence[str], path: str
) -> Float[np.ndarray, "rows labels"]:
    check_ids(rows.element_ids, wanted, path)
    index = {element_id: i for i, element_id in enumerate(rows.element_ids)}
    return rows.values[[index[i] for i in wanted]]
