"""Someone else's model as a member: its CSV files of probabilities, checked against our elements.

Whether its out-of-fold predictions are honest can't be seen from here: it has to have kept an
essay's elements in one fold, and to have trained on no row that it predicts.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline import params, paths
from pipeline.competition.schema import DISCOURSE_ID, LABELS, SUBMISSION_COLUMNS
from pipeline.errors import UserError
from pipeline.members.elements import Elements
from pipeline.members.predictions import NO_FOLD, check_ids, write_predictions

_TOLERANCE = 1e-6  # of a row's sum; what is further off is rescaled, and said


@dataclass(frozen=True)
class Probabilities:
    """Rows of a file, rescaled to sum to 1."""

    discourse_ids: list[str]
    values: Float[np.ndarray, "rows labels"]
    rescaled: int  # how many of them had another sum


def adopt(
    name: str, member: params.Member, elements: Elements, test_ids: Sequence[str]
) -> tuple[int, int]:
    """Check both files of a member and write its tables.

    Returns:
      How many rows were rescaled: out of fold, and of the test set.

    Raises:
      UserError: a file is at fault; see `read_probabilities`, and `check_ids` for the ids.
    """
    oof = read_probabilities(Path(member.oof))
    test = read_probabilities(Path(member.test))
    write_predictions(
        paths.oof(name),
        elements.discourse_ids,
        elements.folds,
        _in_order(oof, elements.discourse_ids, member.oof),
    )
    write_predictions(
        paths.test(name),
        test_ids,
        np.full(len(test_ids), NO_FOLD),
        _in_order(test, test_ids, member.test),
    )
    return oof.rescaled, test.rescaled


def read_probabilities(path: Path) -> Probabilities:
    """Read `discourse_id,Ineffective,Adequate,Effective`; other columns are ignored.

    Raises:
      UserError: the file is missing or no CSV text, a column is missing, or a probability is no
        finite number, negative, or zero in all three columns. It names the line.
    """
    ids: list[str] = []
    cells: list[list[float]] = []
    for where, row in _rows(path):
        ids.append(row[DISCOURSE_ID].strip())
        cells.append([_number(where, label, row[label]) for label in LABELS])
        if not any(cells[-1]):
            raise UserError(f"{where}: expected a probability above 0, found three zeros")
    values = np.array(cells, float).reshape(-1, len(LABELS))
    sums = values.sum(axis=1, keepdims=True)
    off = np.abs(sums - 1.0) > _TOLERANCE
    return Probabilities(ids, values / sums, int(off.sum()))


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row by column, with its place for messages."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            there = rows.fieldnames or []
            missing = [column for column in SUBMISSION_COLUMNS if column not in there]
            if missing:
                found = ", ".join(there) or "an empty file"
                raise UserError(f"{path}: no column {missing[0]!r}, found {found}")
            for row in rows:
                where = f"{path}: line {rows.line_num}"
                short = [column for column in SUBMISSION_COLUMNS if row[column] is None]
                if short:
                    raise UserError(f"{where}: column {short[0]!r} is missing")
                yield where, row
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path}: not found") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not CSV in UTF-8: {error}") from None


def _number(where: str, label: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise UserError(f"{where}: column {label!r}: expected a number, found {cell!r}") from None
    if not np.isfinite(value) or value < 0.0:
        expected = "expected a finite number that is not negative"
        raise UserError(f"{where}: column {label!r}: {expected}, found {cell!r}")
    return value


def _in_order(
    rows: Probabilities, wanted: Sequence[str], path: str
) -> Float[np.ndarray, "rows labels"]:
    check_ids(rows.discourse_ids, wanted, path)
    index = {discourse_id: i for i, discourse_id in enumerate(rows.discourse_ids)}
    return rows.values[[index[i] for i in wanted]]
