"""Soft labels of unlabelled essays, fold by fold, each with a note of what taught it.

The folder has the token windows of the essays, and for each fold a table of probabilities and a
note: the teacher, the fold, the essays that the teacher's fold held out, and digests of the table
and of what the teacher's training left. A fold learns from the table of its own number alone, for
the teacher's other folds were trained on the essays that it holds out. A full fit, which holds
none out, learns from their mean.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.files import read_json, sha256, write_json
from pipeline.tables.predictions import align, read_predictions, write_predictions
from pipeline.units import NO_FOLD, Unit

WINDOWS = "windows"
"""The folder of tokens, within that of the soft labels."""

_NOTED = frozenset({"teacher", "fold", "held_out", "teacher_sha256", "table_sha256"})


@dataclass(frozen=True)
class Taught:
    """One fold of a teacher, and what it labelled.

    Attributes:
      teacher: the name of the model.
      fold: the one that it held out.
      held_out: the essays that it was not trained on.
      digests: of what its training left, by the name of the unit.
      probabilities: of each unlabelled element.
    """

    teacher: str
    fold: int
    held_out: Collection[str]
    digests: Mapping[str, str]
    probabilities: Float[np.ndarray, "elements labels"]


def write_soft_labels(folder: Path, element_ids: Sequence[str], taught: Taught) -> None:
    """Write the table of one fold, and the note on it.

    Raises:
      UserError: a row is no distribution, or an element stands twice.
    """
    table, note = _files(folder, taught.fold)
    folds = np.full(len(element_ids), taught.fold)
    write_predictions(table, element_ids, folds, taught.probabilities)
    content = {
        "teacher": taught.teacher,
        "fold": taught.fold,
        "held_out": sorted(taught.held_out),
        "teacher_sha256": dict(taught.digests),
        "table_sha256": sha256(table),
    }
    write_json(note, content)


def read_soft_labels(
    folder: Path, fold: int, held_out: Collection[str], element_ids: Sequence[str]
) -> Float[np.ndarray, "elements labels"]:
    """Read the soft labels that one fold may be trained on.

    Args:
      folder: of the soft labels.
      fold: the one that is about to train.
      held_out: the essays that it holds out.
      element_ids: of the unlabelled elements, whose order the result has.

    Raises:
      UserError: the table or its note is missing or of another fold, the table is another one than
        the note tells of or a mean over folds, one of the essays held out taught the teacher, or
        the elements differ.
    """
    table, note = _files(folder, fold)
    noted, rows = read_json(note), read_predictions(table)
    if missing := sorted(_NOTED - noted.keys()):
        raise UserError(f"{note}: no {missing[0]!r}; run dvc repro")
    there = {noted["fold"], *rows.folds.tolist()}
    if there != {fold}:
        found = ", ".join(sorted(map(str, there - {fold})))
        mean = " (a mean over folds)" if NO_FOLD in there else ""
        raise UserError(f"{table}: expected soft labels of fold {fold} alone, found {found}{mean}")
    if sha256(table) != noted["table_sha256"]:
        raise UserError(f"{table}: not the table that {note.name} tells of; run dvc repro")
    if taught := sorted(set(held_out).difference(noted["held_out"])):
        raise UserError(
            f"{table}: its teacher {noted['teacher']} was trained on essay {taught[0]!r}, which "
            f"fold {fold} holds out ({len(taught)} in all)"
        )
    return align(rows, element_ids, table)


def _files(folder: Path, fold: int) -> tuple[Path, Path]:
    name = Unit(fold).name
    return folder / f"{name}.parquet", folder / f"{name}.json"
