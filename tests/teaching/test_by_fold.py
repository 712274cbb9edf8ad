"""A teacher's test predictions as soft labels: fold by fold, with the essays that each held out."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE, ESSAYS_FILE
from pipeline.errors import UserError
from pipeline.files import read_json, sha256
from pipeline.tables.columns import write_columns
from pipeline.tables.predictions import NO_FOLD, read_predictions, write_predictions
from pipeline.teaching.from_test import teach_test
from pipeline.units import Unit

UNITS = [Unit(0), Unit(1), Unit(0, 7), Unit(1, 7)]
BY_FOLD = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
HELD = {0: ["s", "t"], 1: ["u"]}


def essays(split: str, texts: dict[str, str]) -> None:
    columns = {"essay_id": list(texts), "text": list(texts.values())}
    write_columns(paths.clean(split) / ESSAYS_FILE, columns)


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labelled essays a and b, unlabelled y and z; two folds of a teacher under two seeds."""
    monkeypatch.chdir(tmp_path)
    essays("train", {"a": "One text.", "b": "Another."})
    essays("test", {"y": "A third.", "z": "A fourth."})
    labelled = {"discourse_id": ["s", "t", "u"], "essay_id": ["a", "a", "b"]}
    write_columns(paths.clean("train") / ELEMENTS_FILE, labelled)
    write_columns(paths.clean("test") / ELEMENTS_FILE, {"discourse_id": ["m", "n"]})
    tokens = paths.tokens("student", "test")
    tokens.mkdir(parents=True)
    (tokens / "state.json").write_text("windows")
    for unit in UNITS:
        rows = BY_FOLD[: len(HELD[unit.fold])]
        folds = np.full(len(rows), unit.fold)
        path = paths.fold("teacher", unit) / "oof.parquet"
        write_predictions(path, HELD[unit.fold], folds, rows)
    # In another order than that of the clean table.
    ids, folds = ["n", "m", "n", "m"], np.array([0, 0, 1, 1])
    write_predictions(paths.test("teacher"), ids, folds, BY_FOLD)


@pytest.mark.parametrize(("fold", "rows", "held"), [(0, [1, 0], ["a"]), (1, [3, 2], ["b"])])
def test_a_fold_is_taught_by_the_same_fold_alone(fold: int, rows: list[int], held: list[str]):
    assert teach_test("student", "teacher", UNITS) == 2
    folder = paths.soft_labels("student")
    table = read_predictions(folder / f"fold{fold}.parquet")
    assert table.element_ids == ["m", "n"]
    assert table.folds.tolist() == [fold, fold]
    np.testing.assert_array_equal(table.probabilities, BY_FOLD[rows])
    note = read_json(folder / f"fold{fold}.json")
    assert (note["teacher"], note["fold"], note["held_out"]) == ("teacher", fold, held)
    oof = paths.fold("teacher", Unit(fold, 7)) / "oof.parquet"
    assert note["teacher_sha256"][f"fold{fold}-seed7"] == sha256(oof)
    assert (folder / "windows/state.json").read_text() == "windows"


@pytest.mark.parametrize("full", [False, True])
def test_a_full_fit_is_taught_by_all_of_them(full: bool):
    """A further fold of the teacher's own full fit counts as one."""
    ids, folds, rows = ["n", "m", "n", "m"], [0, 0, 1, 1], BY_FOLD
    if full:
        ids, folds = [*ids, "m", "n"], [*folds, NO_FOLD, NO_FOLD]
        rows = np.concatenate([BY_FOLD, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]])
        write_predictions(paths.test("teacher"), ids, np.array(folds), rows)
    teach_test("student", "teacher", UNITS)
    table = read_predictions(paths.soft_labels("student") / "full.parquet")
    assert table.folds.tolist() == [NO_FOLD, NO_FOLD]
    expected = {False: [[0.45, 0.3, 0.25], [0.15, 0.3, 0.55]]}
    expected[True] = [[0.3, 0.2, 0.5], [1.3 / 3, 0.2, 1.1 / 3]]
    np.testing.assert_allclose(table.probabilities, expected[full], atol=1e-12)


def test_what_one_seed_was_trained_on_is_not_held_out():
    """Seed 7 of fold 0 comes from another split, in which essay a was trained on."""
    path = paths.fold("teacher", Unit(0, 7)) / "oof.parquet"
    write_predictions(path, ["u"], np.array([0]), BY_FOLD[:1])
    teach_test("student", "teacher", UNITS)
    assert read_json(paths.soft_labels("student") / "fold0.json")["held_out"] == []


@pytest.mark.parametrize("folds", [[NO_FOLD, NO_FOLD], [0, 0]])
def test_a_table_without_every_fold_is_refused(folds: list[int]):
    write_predictions(paths.test("teacher"), ["m", "n"], np.array(folds), BY_FOLD[:2])
    with pytest.raises(UserError, match=r"teacher.parquet: expected folds \[0, 1\], found \["):
        teach_test("student", "teacher", UNITS)
    assert not paths.soft_labels("student").exists()


def test_an_element_that_is_labelled_is_refused():
    write_columns(paths.clean("test") / ELEMENTS_FILE, {"discourse_id": ["m", "t"]})
    with pytest.raises(UserError, match="discourse_id 't' is in data/clean/train too, with its l"):
        teach_test("student", "teacher", UNITS)
    assert not paths.soft_labels("student").exists()


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        ({"y": "A third.", "b": "A fourth."}, "essay 'b' is in data/clean/train too"),
        ({"y": "One\n text. "}, "essay 'y' has the text of 'a' in data/clean/train"),
    ],
)
def test_an_essay_that_is_labelled_is_refused(texts: dict[str, str], line: str):
    essays("test", texts)
    with pytest.raises(UserError, match=line):
        teach_test("student", "teacher", UNITS)
    assert not paths.soft_labels("student").exists()
