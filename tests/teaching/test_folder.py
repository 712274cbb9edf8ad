"""A folder's essays taught by each fold of a finished model: who labels what, and planted leaks."""

import csv
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline import devices as machine
from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE, ESSAYS_FILE
from pipeline.competition.schema import ELEMENT_ID, ESSAY_ID
from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.inference.predictor import Predictor
from pipeline.inputs.tokens import read_tokens
from pipeline.tables.columns import Columns
from pipeline.tables.predictions import read_predictions
from pipeline.training.fold_data import FoldData
from pipeline.training.job import job_of
from pipeline.units import NO_FOLD, Unit
from stages import backbone, teach, tokenize, unlabelled
from tests.bundle.graph import MODEL, TOPICS, draw_weights, edit_configuration
from tests.configurations import SMALL, changed
from tests.contract.project import ROOT, few_essays

STUDENT = "second"
ESSAYS = Path("more")
# Other windows than the teacher's.
_INPUTS = {"window": 96, "overlap": 8, "topic": TOPICS}
_LEARNS = {"inputs": _INPUTS, "train": {"soft_labels": "both"}}


def configure(full: Sequence[str] = (), **predict: bool) -> None:
    """The teacher's options of prediction, and who is trained on every essay too."""
    student = changed(SMALL["models"]["small"], _LEARNS)
    edit_configuration(
        models={STUDENT: student, MODEL: {"predict": predict}},
        unlabelled={STUDENT: {"teacher": MODEL, "essays": f"{ESSAYS}"}},
        full=list(full),
    )


@pytest.fixture(scope="module")
def prepared(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graph with a student, its windows made, and a folder of eight essays.

    Five of them are the graph's test essays, which is no leak.
    """
    folder = tmp_path_factory.mktemp("taught") / "graph"
    shutil.copytree(finished, folder, symlinks=True)
    few_essays(ROOT / "data/sample", folder / ESSAYS, train=1, test=8)
    (folder / ESSAYS / "train.csv").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        configure()
        for stage in (backbone, tokenize):
            stage.main(["--model", STUDENT])
        unlabelled.main(["--student", STUDENT])
    return folder


@pytest.fixture
def graph(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy in which the test runs."""
    copy = shutil.copytree(prepared, tmp_path / "graph", symlinks=True)
    monkeypatch.chdir(copy)
    return copy


def _by_hand(tokens: Path, *units: Unit) -> list[np.ndarray]:
    """The mean of the predictions of each fold's units, which the teacher has under two seeds."""
    store, settings = read_tokens(tokens), load_configuration().whole.models[MODEL].predict
    means = []
    for unit in units:
        made = []
        for weights in (paths.weights(MODEL, unit), paths.weights(MODEL, Unit(unit.fold, 9))):
            predictor = Predictor.of_folder(weights, "bert", settings, machine.start_best())
            loaded = predictor.load(weights)
            made.append(predictor.probabilities(loaded, store, np.arange(len(store)), ""))
        means.append((made[0] + made[1]) / 2)
    return means


@pytest.mark.usefixtures("graph")
def test_each_fold_is_taught_by_its_own():
    teach.main(["--student", STUDENT])
    soft, windows = paths.soft_labels(STUDENT), paths.unlabelled(STUDENT, "teacher")
    ids = read_tokens(windows).element_ids
    with (ESSAYS / "test.csv").open(newline="") as stream:
        assert sorted(ids) == sorted(row["discourse_id"] for row in csv.DictReader(stream))
    means = _by_hand(windows, Unit(0), Unit(1))
    for fold in (0, 1):
        table = read_predictions(soft / f"fold{fold}.parquet")
        assert table.element_ids == ids
        np.testing.assert_array_equal(table.probabilities, means[fold])
        assert np.abs(table.probabilities - means[1 - fold]).max() > 1e-3
        data = FoldData(job_of(load_configuration(), STUDENT, Unit(fold)), pad_id=0)
        held = {data.tokens.essay_ids[window] for window in data.held}
        assert set(read_json(soft / f"fold{fold}.json")["held_out"]) == held
    full = read_predictions(soft / "full.parquet")
    assert set(full.folds.tolist()) == {NO_FOLD}
    np.testing.assert_allclose(full.probabilities, sum(means) / 2, rtol=0, atol=1e-15)


@pytest.mark.usefixtures("graph")
@pytest.mark.parametrize("alone", [False, True])
def test_a_full_fit_of_the_teacher_is_one_further_fold(alone: bool):
    """Also where it predicts a test alone: every fold has to be taught by its own."""
    configure(full=[MODEL], full_alone=alone)
    for seed in (None, 9):
        draw_weights(Unit(NO_FOLD, seed), seed or 77)
    teach.main(["--student", STUDENT])
    means = _by_hand(paths.unlabelled(STUDENT, "teacher"), Unit(0), Unit(1), Unit(NO_FOLD))
    soft = paths.soft_labels(STUDENT)
    for fold in (0, 1):
        table = read_predictions(soft / f"fold{fold}.parquet")
        np.testing.assert_array_equal(table.probabilities, means[fold])
    full = read_predictions(soft / "full.parquet").probabilities
    np.testing.assert_allclose(full, sum(means) / 3, rtol=0, atol=1e-15)


@pytest.mark.usefixtures("graph")
def test_the_student_reads_windows_of_its_own():
    """Its own length, and words of the topics that were found in the competition's essays."""
    student, teacher = (read_tokens(paths.unlabelled(STUDENT, who)) for who in _READERS)
    assert student.element_ids == teacher.element_ids
    assert sorted(set(student.essay_ids)) == sorted(set(teacher.essay_ids))
    assert (student.lengths.max(), teacher.lengths.max()) == (96, 128)
    assert len(student) > len(teacher)
    # What the graph's own test essays are tokenized to, they are here too.
    own = read_tokens(paths.tokens(STUDENT, "test"))
    for window in range(len(own)):
        essay = own.essay_ids[window]
        nth = window - own.essay_ids.index(essay)
        again = student.window(student.essay_ids.index(essay) + nth)
        np.testing.assert_array_equal(again.ids, own.window(window).ids)


_READERS = ("student", "teacher")


def _swap_folds(soft: Path) -> None:
    """Every file of fold 0 under the name of fold 1."""
    for end in ("parquet", "json"):
        shutil.copy(soft / f"fold0.{end}", soft / f"fold1.{end}")


def _mean_for_a_fold(soft: Path) -> None:
    shutil.copy(soft / "full.parquet", soft / "fold1.parquet")


@pytest.mark.usefixtures("graph")
@pytest.mark.parametrize(
    ("plant", "line"),
    [
        (_swap_folds, "expected soft labels of fold 1 alone, found 0"),
        (_mean_for_a_fold, "expected soft labels of fold 1 alone, found -1 (a mean over folds)"),
    ],
)
def test_a_planted_leak_is_refused(plant: Callable[[Path], None], line: str):
    teach.main(["--student", STUDENT])
    plant(paths.soft_labels(STUDENT))
    with pytest.raises(UserError) as error:
        FoldData(job_of(load_configuration(), STUDENT, Unit(1)), pad_id=0)
    assert line in str(error.value)


@pytest.mark.usefixtures("graph")
def test_a_teacher_of_another_split_is_refused():
    """Its fold 1 held out what is fold 0's now, so it was trained on what fold 1 holds out."""
    for seed in (None, 9):
        zero, one = (paths.fold(MODEL, Unit(fold, seed)) / "oof.parquet" for fold in (0, 1))
        aside = zero.with_suffix(".aside")
        zero.replace(aside)
        one.replace(zero)
        aside.replace(one)
    teach.main(["--student", STUDENT])
    with pytest.raises(UserError, match=r"small was trained on essay '\w+', which fold 1 holds"):
        FoldData(job_of(load_configuration(), STUDENT, Unit(1)), pad_id=0)


def _by_id(essay: str, text: str) -> None:
    table = (ESSAYS / "test.csv").read_text()
    other = next(path for path in (ESSAYS / "test").iterdir())
    (ESSAYS / "test.csv").write_text(table.replace(other.stem, essay))
    other.rename(other.with_stem(essay))


def _by_text(essay: str, text: str) -> None:
    """Under an id of its own, with other spaces; its elements stand elsewhere."""
    (ESSAYS / "test/NEW.txt").write_text(text.replace(" ", "  "))
    with (ESSAYS / "test.csv").open("a") as table:
        table.write(f"n1,NEW,{text.split('.')[0].split(',')[0]},Lead\n")


@pytest.mark.usefixtures("graph")
@pytest.mark.parametrize(
    ("plant", "line"),
    [
        (_by_id, "more: essay '{0}' is in data/clean/train too, with its labels"),
        (_by_text, "more: essay 'NEW' has the text of '{0}' in data/clean/train, which is"),
    ],
)
def test_a_labelled_essay_is_refused(plant: Callable[[str, str], None], line: str):
    essays = Columns(paths.clean("train") / ESSAYS_FILE, [ESSAY_ID, "text"])
    essay, text = essays.strings(ESSAY_ID)[3], essays.strings("text")[3]
    shutil.rmtree(paths.unlabelled(STUDENT))
    plant(essay, text)
    with pytest.raises(UserError) as error:
        unlabelled.main(["--student", STUDENT])
    assert line.format(essay) in str(error.value)
    assert not paths.unlabelled(STUDENT).exists()


def test_a_labelled_element_is_refused(graph: Path):
    """In an essay of another name and text."""
    labelled = Columns(paths.clean("train") / ELEMENTS_FILE, [ELEMENT_ID]).strings(ELEMENT_ID)[0]
    table = (ESSAYS / "test.csv").read_text()
    first = table.splitlines()[1].split(",")[0]
    (ESSAYS / "test.csv").write_text(table.replace(first, labelled))
    line = f"more: discourse_id '{labelled}' is in data/clean/train too, with its label"
    with pytest.raises(UserError, match=line):
        unlabelled.main(["--student", STUDENT])
