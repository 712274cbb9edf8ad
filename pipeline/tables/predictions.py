"""Tables of predictions: a probability of each label for each element and fold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from pipeline.clean_tables import FOLD
from pipeline.competition.schema import ELEMENT_ID, LABELS
from pipeline.errors import UserError
from pipeline.tables.columns import Columns, write_columns
from pipeline.units import NO_FOLD

_TOLERANCE = 1e-6  # of a row's sum


@dataclass(frozen=True)
class Predictions:
    """Rows of a table: each element once out of fold, or once for every fold in a test table."""

    element_ids: list[str]
    folds: Int[np.ndarray, " rows"]
    probabilities: Float[np.ndarray, "rows labels"]


def write_predictions(
    path: Path,
    element_ids: Sequence[str],
    folds: Int[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, "rows labels"],
) -> None:
    """Write a checked table.

    Raises:
      UserError: a row is no distribution, or an element stands twice in a fold.
    """
    write_tables({path: Predictions(list(element_ids), folds, probabilities)})


def write_tables(tables: Mapping[Path, Predictions]) -> None:
    """Write tables that belong together, once all of them are checked.

    Raises:
      UserError: as of `write_predictions`; nothing is written.
    """
    stored = {path: _stored(rows) for path, rows in tables.items()}
    for path, rows in stored.items():
        check_predictions(rows, path)
    for path, rows in stored.items():
        columns: dict[str, Sequence[str] | np.ndarray] = {
            ELEMENT_ID: rows.element_ids,
            FOLD: rows.folds,
        }
        columns |= {label: rows.probabilities[:, i] for i, label in enumerate(LABELS)}
        write_columns(path, columns)


def _stored(rows: Predictions) -> Predictions:
    """Return a table in the types of its file."""
    folds, values = rows.folds.astype(np.int8), rows.probabilities.astype(np.float64)
    return Predictions(rows.element_ids, folds, values)


def read_predictions(path: Path) -> Predictions:
    """Read a checked table.

    Raises:
      UserError: the file is missing or has other columns, a row is no distribution, or an element
        stands twice in a fold.
    """
    columns = Columns(path, [ELEMENT_ID, FOLD, *LABELS])
    probabilities = [columns.numbers(label).astype(np.float64) for label in LABELS]
    rows = Predictions(
        columns.strings(ELEMENT_ID), columns.numbers(FOLD), np.stack(probabilities, axis=1)
    )
    check_predictions(rows, path)
    return rows


def check_predictions(rows: Predictions, path: Path) -> None:
    """Hold a table to its rules: finite, in [0, 1], rows sum to 1, ids once per fold.

    Args:
      rows: the table.
      path: for messages.

    Raises:
      UserError: it names the first row at fault.
    """
    values = rows.probabilities
    if len(rows.element_ids) != len(values) or len(rows.folds) != len(values):
        lengths = f"{len(rows.element_ids)} ids, {len(rows.folds)} folds, {len(values)} rows"
        raise UserError(f"{path}: expected an id and a fold for each row, found {lengths}")
    _refuse(rows, ~np.all(np.isfinite(values), axis=1), "expected finite probabilities", path)
    outside = np.any((values < 0.0) | (values > 1.0), axis=1)
    _refuse(rows, outside, "expected probabilities from 0 to 1", path)
    uneven = ~np.isclose(values.sum(axis=1), 1.0, rtol=0.0, atol=_TOLERANCE)
    _refuse(rows, uneven, "expected a row that sums to 1", path)
    seen: set[tuple[str, int]] = set()
    for key in zip(rows.element_ids, rows.folds.tolist(), strict=True):
        if key in seen:
            raise UserError(f"{path}: {ELEMENT_ID} {key[0]!r} stands twice in fold {key[1]}")
        seen.add(key)


def mean_over_folds(rows: Predictions, path: Path) -> Predictions:
    """Average the folds' probabilities of each element; elements keep their order, fold is -1.

    Args:
      rows: a test table.
      path: for messages.

    Raises:
      UserError: an element lacks a row in a fold.
    """
    ids = list(dict.fromkeys(rows.element_ids))
    index = {element_id: i for i, element_id in enumerate(ids)}
    where = np.array([index[i] for i in rows.element_ids], np.int64)
    n_folds = len(np.unique(rows.folds))
    counts = np.bincount(where, minlength=len(ids))
    if (counts != n_folds).any():
        i = int(np.flatnonzero(counts != n_folds)[0])
        found = f"expected {n_folds} folds, found {counts[i]}"
        raise UserError(f"{path}: {ELEMENT_ID} {ids[i]!r}: {found}")
    sums = np.zeros((len(ids), rows.probabilities.shape[1]))
    # Sums of floats depend on their order, so folds are added in theirs.
    in_order = np.argsort(rows.folds, kind="stable")
    np.add.at(sums, where[in_order], rows.probabilities[in_order])
    return Predictions(ids, np.full(len(ids), NO_FOLD, np.int8), sums / max(n_folds, 1))


def align(
    rows: Predictions, element_ids: Sequence[str], path: Path
) -> Float[np.ndarray, "rows labels"]:
    """Return probabilities in the order of `element_ids`.

    Args:
      rows: a table in which each element stands once.
      element_ids: in the order that is wanted.
      path: for messages.

    Raises:
      UserError: the two have different ids.
    """
    index = {element_id: i for i, element_id in enumerate(rows.element_ids)}
    check_ids(rows.element_ids, element_ids, str(path))
    return rows.probabilities[[index[i] for i in element_ids]]


def check_ids(found: Sequence[str], expected: Sequence[str], where: str) -> None:
    """Raise a `UserError` that counts and names the ids that are missing, unknown or repeated."""
    there, wanted = set(found), set(expected)
    missing = [i for i in expected if i not in there]
    unknown = [i for i in found if i not in wanted]
    faults = []
    if missing:
        faults.append(f"{len(missing)} missing (the first: {missing[0]})")
    if unknown:
        faults.append(f"{len(unknown)} unknown (the first: {unknown[0]})")
    if len(there) < len(found):
        count = Counter(found)
        first = next(i for i in found if count[i] > 1)
        faults.append(f"{len(found) - len(there)} repeated (the first: {first})")
    if faults:
        raise UserError(f"{where}: {ELEMENT_ID}: {', '.join(faults)}")


def _refuse(rows: Predictions, bad: np.ndarray, expected: str, path: Path) -> None:
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        found = ", ".join(f"{value:.9g}" for value in rows.probabilities[i])
        raise UserError(
            f"{path}: {ELEMENT_ID} {rows.element_ids[i]!r}: {expected}, found {found}"
            f" ({int(bad.sum())} such rows)"
        )
