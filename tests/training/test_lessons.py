"""Soft labels in training: what is trained on, and every planted leak refused in one line."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE, FOLD, LABEL
from pipeline.competition.schema import ELEMENT_ID, ESSAY_ID, TASK
from pipeline.errors import UserError
from pipeline.inputs.tokens import Tokens, tokens_of
from pipeline.inputs.windowing import window_columns
from pipeline.params import Compute, Session
from pipeline.tables.predictions import NO_FOLD, write_predictions
from pipeline.tables.soft_labels import Taught, write_soft_labels
from pipeline.training import fold_data, lessons
from pipeline.training.fold_data import FoldData
from pipeline.training.job import Job
from pipeline.units import Unit
from tests.training import tiny

SOFT = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
FOLDS = {"a": 0, "b": 1, "c": 0, "d": 1}


def store(essays: str, elements: list[str]) -> Tokens:
    """A window of one element for each essay."""
    count = len(essays)
    windows = pa.table(
        {
            "essay_id": list(essays),
            "input_ids": [[5 + i] for i in range(count)],
            "slot": [[0]] * count,
            "element": [[i] for i in range(count)],
            "weight": [[1.0]] * count,
        },
        schema=window_columns(TASK),
    )
    return tokens_of(windows.to_batches(), elements)


def taught(fold: int, held_out: str) -> Taught:
    return Taught("teacher", fold, set(held_out), {f"fold{fold}": "0" * 64}, SOFT)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Labelled essays a to d, unlabelled y and z, and what each fold of a teacher made of these."""
    monkeypatch.chdir(tmp_path)
    gold, unlabelled = store("abcd", list("stuv")), store("yz", ["m", "n"])
    monkeypatch.setattr(fold_data, "read_tokens", lambda folder: gold)
    monkeypatch.setattr(lessons, "read_tokens", lambda folder: unlabelled)
    clean = paths.clean("train") / ELEMENTS_FILE
    clean.parent.mkdir(parents=True)
    pq.write_table(pa.table({ELEMENT_ID: list("stuv"), LABEL: [0, 1, 2, 1]}), clean)
    pq.write_table(pa.table({ESSAY_ID: list(FOLDS), FOLD: list(FOLDS.values())}), paths.FOLDS)
    folder = paths.soft_labels("student")
    for fold, held_out in ((0, "ac"), (1, "bd")):
        write_soft_labels(folder, ["m", "n"], taught(fold, held_out))
    return folder


def job(soft: str, fold: int = 1) -> Job:
    return Job(
        model="student",
        encoder="bert",
        unit=Unit(fold),
        labels=paths.clean("train"),
        train=dataclasses.replace(tiny.options(label_smoothing=0.3), soft_labels=soft),
        compute=Compute(platform="cpu", devices=1, dtype="float32"),
        session=Session(checkpoint_minutes=1.0, stop_after_minutes=None),
    )


def trained_on(data: FoldData) -> dict[str, list[float]]:
    """The targets of every element that is trained on, by its id."""
    found = {}
    for batch in data.schedule.batches(0):
        for element, label in zip(batch.element.ravel(), batch.label.reshape(-1, 3), strict=True):
            if element >= 0:
                found[data.tokens.element_ids[element]] = label.tolist()
    return found


def near(rows: dict[str, list[float]]) -> dict[str, object]:
    return {name: pytest.approx(row) for name, row in rows.items()}


GOLD = {"s": [0.8, 0.1, 0.1], "u": [0.1, 0.1, 0.8]}
LEARNT = {"m": SOFT[0].tolist(), "n": SOFT[1].tolist()}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("soft", "expected"), [("both", GOLD | LEARNT), ("alone", LEARNT)])
def test_soft_labels_are_trained_on(soft: str, expected: dict[str, list[float]]) -> None:
    """Gold labels are smoothed, soft ones stay; what is held out is scored as ever."""
    data = FoldData(job(soft), pad_id=0)
    assert trained_on(data) == near(expected)
    assert data.held.tolist() == [1, 3]
    assert data.truth.tolist() == [-1, 1, -1, 1, -1, -1]


def _refused(line: str, fold: int = 1) -> None:
    with pytest.raises(UserError) as error:
        FoldData(job("both", fold), pad_id=0)
    assert line in str(error.value)


def _swap_folds(folder: Path) -> None:
    """Every file of fold 0 under the name of fold 1."""
    for end in ("parquet", "json"):
        (folder / f"fold0.{end}").replace(folder / f"fold1.{end}")


def _swap_tables(folder: Path) -> None:
    (folder / "fold0.parquet").replace(folder / "fold1.parquet")


def _take_the_mean(folder: Path) -> None:
    write_predictions(folder / "fold1.parquet", ["m", "n"], np.full(2, NO_FOLD), SOFT)


def _rewrite(folder: Path) -> None:
    """Another fold's probabilities under this fold's number."""
    write_predictions(folder / "fold1.parquet", ["m", "n"], np.full(2, 1), SOFT[::-1])


def _renumber(folder: Path) -> None:
    """The teacher of fold 0 as that of fold 1, in every file."""
    write_soft_labels(folder, ["m", "n"], taught(1, "ac"))


def _split_anew(folder: Path) -> None:
    """The teacher held out b alone, as under a former split."""
    write_soft_labels(folder, ["m", "n"], taught(1, "b"))


def _lose_the_note(folder: Path) -> None:
    (folder / "fold1.json").unlink()


def _empty_the_note(folder: Path) -> None:
    (folder / "fold1.json").write_text(json.dumps({"fold": 1}))


def _leave_one_out(folder: Path) -> None:
    own = taught(1, "bd")
    write_soft_labels(folder, ["m"], dataclasses.replace(own, probabilities=SOFT[:1]))


@pytest.mark.parametrize(
    ("plant", "line"),
    [
        (_swap_folds, "expected soft labels of fold 1 alone, found 0"),
        (_swap_tables, "expected soft labels of fold 1 alone, found 0"),
        (_take_the_mean, "expected soft labels of fold 1 alone, found -1 (a mean over folds)"),
        (_rewrite, "not the table that fold1.json tells of"),
        (_renumber, "teacher was trained on essay 'b', which fold 1 holds out (2 in all)"),
        (_split_anew, "teacher was trained on essay 'd', which fold 1 holds out (1 in all)"),
        (_lose_the_note, "fold1.json: not found"),
        (_empty_the_note, "fold1.json: no 'held_out'"),
        (_leave_one_out, "1 missing (the first: n)"),
    ],
)
def test_a_planted_leak_is_refused(folder: Path, plant: Callable[[Path], None], line: str) -> None:
    plant(folder)
    _refused(line)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("essays", "elements", "line"),
    [("ya", ["m", "n"], "'a' is labelled (1 such)"), ("yz", ["m", "v"], "'v' is labelled")],
)
def test_an_essay_that_is_labelled_is_refused(
    monkeypatch: pytest.MonkeyPatch, essays: str, elements: list[str], line: str
) -> None:
    monkeypatch.setattr(lessons, "read_tokens", lambda folder: store(essays, elements))
    _refused(line)


@pytest.mark.usefixtures("folder")
def test_leftovers_of_soft_labels_are_told() -> None:
    with pytest.raises(UserError, match=r"train\.soft_labels is none; `make prune` removes"):
        FoldData(job("none"), pad_id=0)


def test_every_file_of_the_soft_labels_is_an_input_of_the_run(folder: Path) -> None:
    (folder / "windows").mkdir()
    (folder / "windows/state.json").touch()
    paths.backbone("student").mkdir(parents=True)
    names = {p.relative_to(folder).as_posix() for p in job("both").inputs if folder in p.parents}
    assert {"fold1.parquet", "fold1.json", "windows/state.json"} <= names
