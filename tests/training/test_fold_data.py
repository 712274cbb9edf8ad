"""The data of a fold: labels by id from the folder that is named, the truth from the clean one."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE, FOLD, LABEL
from pipeline.competition.schema import ELEMENT_ID, ESSAY_ID, TASK
from pipeline.errors import UserError
from pipeline.inputs.tokens import tokens_of
from pipeline.inputs.windowing import window_columns
from pipeline.params import Compute, Session
from pipeline.tables.labels import read_labels
from pipeline.training import fold_data
from pipeline.training.fold_data import FoldData
from pipeline.training.job import Job
from pipeline.units import NO_FOLD, Unit
from tests.training import tiny

IDS = list("vwxyz")
EVERY = np.ones(5, bool)


def table(path: Path, labels: dict[str, float]) -> Path:
    """A table of elements with ids and labels alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({ELEMENT_ID: list(labels), LABEL: list(labels.values())}), path)
    return path


def test_labels_are_looked_up_by_id(tmp_path: Path) -> None:
    path = table(tmp_path / "t", {"z": 2, "other": 1, "v": 0, "x": 1})
    wanted = np.array([True, False, True, False, True])
    assert read_labels(path, IDS, wanted).tolist() == [0, -1, 1, -1, 2]


@pytest.mark.parametrize(
    ("labels", "line"),
    [
        ({"v": 0, "w": 1, "x": 2, "y": 0}, "no discourse_id 'z'; expected its label"),
        (dict.fromkeys("vwxyz", 0) | {"y": 3}, "'y': expected a label from 0 to 2, found 3"),
        (dict.fromkeys("vwxyz", 0) | {"w": -1}, "'w': expected a label from 0 to 2, found -1"),
        (dict.fromkeys("vwxyz", 0.0) | {"x": 0.5}, "'x': expected a label from 0 to 2, found 0.5"),
    ],
)
def test_a_label_that_cannot_be_is_one_line(
    tmp_path: Path, labels: dict[str, float], line: str
) -> None:
    path = table(tmp_path / "t", labels)
    with pytest.raises(UserError) as error:
        read_labels(path, IDS, EVERY)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith(line)


def test_an_element_with_two_labels_is_refused(tmp_path: Path) -> None:
    twice = pa.table({ELEMENT_ID: ["v", "w", "w"], LABEL: [0, 1, 2]})
    pq.write_table(twice, tmp_path / "t")
    with pytest.raises(UserError, match="'w' stands twice, expected one label"):
        read_labels(tmp_path / "t", IDS, EVERY)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Essays a, b and c; b is held out. Element w goes on from one window of a in another."""
    monkeypatch.chdir(tmp_path)
    windows = pa.table(
        {
            "essay_id": ["a", "a", "b", "c"],
            "input_ids": [[5, 6], [7], [8, 9], [10]],
            "slot": [[0, 1], [0], [0, 1], [0]],
            "element": [[0, 1], [1], [2, 3], [4]],
            "weight": [[1.0, 0.5], [0.5], [1.0, 1.0], [1.0]],
        },
        schema=window_columns(TASK),
    )
    tokens = tokens_of(windows.to_batches(), IDS)
    monkeypatch.setattr(fold_data, "read_tokens", lambda folder: tokens)
    paths.FOLDS.parent.mkdir(parents=True)
    pq.write_table(pa.table({ESSAY_ID: ["a", "b", "c"], FOLD: [0, 1, 0]}), paths.FOLDS)
    table(paths.clean("train") / ELEMENTS_FILE, {"v": 0, "w": 1, "x": 2, "y": 1, "z": 0})
    table(Path("given") / ELEMENTS_FILE, {"z": 1, "w": 2, "v": 2})
    return Job(
        model="tiny",
        encoder="bert",
        unit=Unit(1),
        labels=Path("given"),
        train=tiny.options(),
        compute=Compute(platform="cpu", devices=1, dtype="float32"),
        session=Session(checkpoint_minutes=1.0, stop_after_minutes=None),
    )


def test_training_has_the_labels_given_and_scores_the_true_ones(job: Job) -> None:
    data = FoldData(job, pad_id=0)
    assert data.held.tolist() == [2]
    assert data.truth.tolist() == [-1, -1, 2, 1, -1]
    seen = set()
    for batch in data.schedule.batches(0):
        used = batch.element >= 0
        seen |= set(zip(batch.element[used].tolist(), batch.label[used].tolist(), strict=True))
    assert seen == {(0, 2), (1, 2), (4, 1)}
    probabilities = np.full((5, 3), np.nan)
    probabilities[2:4] = [[0.25, 0.25, 0.5], [0.25, 0.25, 0.5]]
    assert data.loss(probabilities) == pytest.approx(1.5 * np.log(2))  # of 1/2 and 1/4
    assert data.accuracy(probabilities) == 0.5


def test_a_full_fit_trains_on_every_element_and_needs_no_split(job: Job) -> None:
    paths.FOLDS.unlink()
    table(Path("given") / ELEMENTS_FILE, {"z": 1, "w": 2, "v": 2, "x": 0, "y": 1})
    for folder in (paths.tokens("tiny", "train"), paths.backbone("tiny")):
        folder.mkdir(parents=True)
    full = dataclasses.replace(job, unit=Unit(NO_FOLD))
    data = FoldData(full, pad_id=0)
    assert data.held.size == 0
    assert data.truth.tolist() == [-1] * 5
    seen = set()
    for batch in data.schedule.batches(0):
        used = batch.element >= 0
        seen |= set(zip(batch.element[used].tolist(), batch.label[used].tolist(), strict=True))
    assert seen == {(0, 2), (1, 2), (2, 0), (3, 1), (4, 1)}
    assert full.inputs == [Path("given") / ELEMENTS_FILE]
    assert full.settings | {"fold": 1} == job.settings | {"full": True}


def test_the_labels_are_inputs_of_the_run(job: Job) -> None:
    for folder in (paths.tokens("tiny", "train"), paths.backbone("tiny")):
        folder.mkdir(parents=True)
    tables = [Path("given") / ELEMENTS_FILE, paths.clean("train") / ELEMENTS_FILE]
    assert set(tables) <= set(job.inputs)
    assert job.settings["labels"] == "given"
