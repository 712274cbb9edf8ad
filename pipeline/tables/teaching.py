"""A teacher's test predictions, fold by fold, as soft labels for another model."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE, ESSAYS_FILE, TEXT
from pipeline.competition.schema import ELEMENT_ID, ESSAY_ID
from pipeline.errors import UserError
from pipeline.files import atomic_folder, sha256
from pipeline.tables.columns import Columns
from pipeline.tables.elements import read_test_ids
from pipeline.tables.predictions import Predictions, align, mean_over_folds, read_predictions
from pipeline.tables.soft_labels import WINDOWS, Taught, write_soft_labels
from pipeline.units import NO_FOLD, Unit, by_fold


def teach(student: str, teacher: str, trained: Sequence[Unit]) -> int:
    """Write the soft labels of the test essays for one model; return the number of elements.

    Fold k of the student gets the probabilities of the teacher's fold k alone, the mean over its
    seeds: it is the only one that was not trained on what fold k holds out. A full fit holds
    nothing out, so it gets the mean over all that the teacher was trained in.

    Args:
      student: the model that learns.
      teacher: the model whose test predictions are taken.
      trained: the units of every model.

    Raises:
      UserError: the teacher's tables are missing or lack a fold, or a test essay is a labelled one.
    """
    check_apart(paths.clean("train"), paths.clean("test"))
    element_ids = read_test_ids()
    with atomic_folder(paths.soft_labels(student)) as folder:
        # Its own tokens: `train` doesn't depend on those of the test set, which it rarely needs.
        shutil.copytree(
            paths.tokens(student, "test"), folder / WINDOWS, copy_function=shutil.copyfile
        )
        for taught in _taught(teacher, trained, element_ids):
            write_soft_labels(folder, element_ids, taught)
    return len(element_ids)


def check_apart(labelled: Path, unlabelled: Path) -> None:
    """Hold two folders of clean essays apart: no essay is in both, by its id or by its text.

    Raises:
      UserError: one is.
    """
    known = _texts(labelled)
    by_text = {text: essay for essay, text in known.items()}
    for essay, text in _texts(unlabelled).items():
        if essay in known:
            raise UserError(f"{unlabelled}: essay {essay!r} is in {labelled} too, with its labels")
        if text in by_text:
            raise UserError(
                f"{unlabelled}: essay {essay!r} has the text of {by_text[text]!r} in {labelled}, "
                "which is labelled"
            )


def _texts(folder: Path) -> dict[str, str]:
    """Read the essays' texts by their ids; how they are spaced doesn't count."""
    essays = Columns(folder / ESSAYS_FILE, [ESSAY_ID, TEXT])
    texts = (" ".join(text.split()) for text in essays.strings(TEXT))
    return dict(zip(essays.strings(ESSAY_ID), texts, strict=True))


def _taught(teacher: str, trained: Sequence[Unit], element_ids: Sequence[str]) -> Iterator[Taught]:
    """Yield each fold of a teacher with its own predictions."""
    path = paths.test(teacher)
    rows = read_predictions(path)
    folds = by_fold(trained)
    there = sorted(set(rows.folds.tolist()) - {NO_FOLD})
    if there != sorted(folds):
        raise UserError(f"{path}: expected folds {sorted(folds)}, found {there}")
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
            probabilities=align(own, element_ids, path),
        )
    mean = align(mean_over_folds(rows, path), element_ids, path)
    yield Taught(teacher=teacher, fold=NO_FOLD, held_out=(), digests={}, probabilities=mean)
