"""A teacher's predictions of unlabelled essays, fold by fold, as soft labels for another model."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE
from pipeline.competition.schema import ELEMENT_ID, ESSAY_ID
from pipeline.errors import UserError
from pipeline.files import atomic_folder, sha256
from pipeline.tables.columns import Columns
from pipeline.tables.predictions import Predictions, align, mean_over_folds, read_predictions
from pipeline.tables.soft_labels import WINDOWS, Taught, write_soft_labels
from pipeline.units import NO_FOLD, Unit, by_fold


@dataclass(frozen=True)
class Lesson:
    """Unlabelled essays, and what a teacher makes of them.

    Attributes:
      teacher: the name of the model.
      element_ids: of all elements.
      windows: the folder of the essays' tokens, as the student reads them.
      rows: the teacher's predictions, each element once in each fold.
      where: the predictions come from, for messages.
    """

    teacher: str
    element_ids: Sequence[str]
    windows: Path
    rows: Predictions
    where: Path


def teach(student: str, lesson: Lesson, trained: Sequence[Unit]) -> int:
    """Write the soft labels of unlabelled essays for one model; return the number of elements.

    Fold k of the student gets the probabilities of the teacher's fold k alone, the mean over its
    seeds: it is the only one that was not trained on what fold k holds out. A full fit holds
    nothing out, so it gets the mean over all that the teacher was trained in.

    Args:
      student: the model that learns.
      lesson: the essays, none of them labelled, and the predictions.
      trained: the units of every model.

    Raises:
      UserError: the predictions lack a fold or an element, or what a fold's training left is
        missing.
    """
    with atomic_folder(paths.soft_labels(student)) as folder:
        # Its own tokens: `train` depends on no others than those in its folder.
        shutil.copytree(lesson.windows, folder / WINDOWS, copy_function=shutil.copyfile)
        for taught in _taught(lesson, trained):
            write_soft_labels(folder, lesson.element_ids, taught)
    return len(lesson.element_ids)


def _taught(lesson: Lesson, trained: Sequence[Unit]) -> Iterator[Taught]:
    """Yield each fold of a teacher with its own predictions."""
    teacher, rows = lesson.teacher, lesson.rows
    folds = by_fold(trained)
    there = sorted(set(rows.folds.tolist()) - {NO_FOLD})
    if there != sorted(folds):
        raise UserError(f"{lesson.where}: expected folds {sorted(folds)}, found {there}")
    elements = Columns(paths.clean("train") / ELEMENTS_FILE, [ELEMENT_ID, ESSAY_ID])
    ids, essays = elements.strings(ELEMENT_ID), elements.strings(ESSAY_ID)
    essay_of = dict(zip(ids, essays, strict=True))
    for fold, units in folds.items():
        # What training itself left, not today's folds: it predicted just what it held out.
        tables = {unit.name: paths.fold(teacher, unit) / "oof.parquet" for unit in units}
        held = [
            {essay_of[i] for i in read_predictions(table).element_ids if i in essay_of}
            for table in tables.values()
        ]
        of_fold = np.flatnonzero(rows.folds == fold)
        own = Predictions(
            [rows.element_ids[i] for i in of_fold.tolist()],
            rows.folds[of_fold],
            rows.probabilities[of_fold],
        )
        yield Taught(
            teacher=teacher,
            fold=fold,
            held_out=set.intersection(*held),
            digests={name: sha256(table) for name, table in tables.items()},
            probabilities=align(own, lesson.element_ids, lesson.where),
        )
    mean = align(mean_over_folds(rows, lesson.where), lesson.element_ids, lesson.where)
    yield Taught(teacher=teacher, fold=NO_FOLD, held_out=(), digests={}, probabilities=mean)
