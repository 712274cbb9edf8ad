"""Further essays in Kaggle's layout: every table that is there counts, and no label."""

import shutil
from pathlib import Path

import pytest

from pipeline.competition.clean_split import CleanSplit
from pipeline.competition.further import clean_further
from pipeline.errors import UserError
from pipeline.params import Clean
from tests.competition import kaggle
from tests.configurations import section

KEY = "unlabelled.second.essays"


def cleaned(folder: Path) -> CleanSplit:
    return clean_further(folder, KEY, section(Clean))


def test_both_tables_count_and_no_label_does(source: Path):
    (source / "sample_submission.csv").unlink()
    kaggle.edit(source, "train.csv", 2, "discourse_effectiveness", "of no class")
    made = cleaned(source)
    assert made.elements["discourse_id"].tolist() == ["t1", "t2", "t3", "t4", "u1", "u2"]
    assert made.elements["label"].tolist() == [-1] * 6
    assert made.elements["start"].tolist() == [0, 24, 0, 12, 0, 11]
    assert made.essays["essay_id"].tolist() == ["A", "B", "C"]
    assert made.elements.index.tolist() == list(range(6))


@pytest.mark.parametrize(("table", "ids"), [("train", ["u1", "u2"]), ("test", ["t1", "t2"])])
def test_one_table_is_enough(source: Path, table: str, ids: list[str]):
    (source / f"{table}.csv").unlink()
    assert cleaned(source).elements["discourse_id"].tolist()[:2] == ids


def test_a_test_table_may_have_labels_too(source: Path):
    (source / "train.csv").unlink()
    kaggle.add_column(source, "test.csv", "discourse_effectiveness", ["Adequate", ""])
    assert cleaned(source).elements["label"].tolist() == [-1, -1]


def test_the_folder_may_be_one_that_holds_it(source: Path):
    shutil.move(source, source.parent / "outer/raw")
    assert len(cleaned(source.parent / "outer").elements) == 6


def _no_folder(source: Path) -> None:
    shutil.rmtree(source)


def _a_file(source: Path) -> None:
    shutil.rmtree(source)
    source.touch()


def _texts_alone(source: Path) -> None:
    for name in ("train.csv", "test.csv"):
        (source / name).unlink()


def _empty(source: Path) -> None:
    shutil.rmtree(source)
    source.mkdir()


def _without_texts(source: Path) -> None:
    shutil.rmtree(source / "test")


def _two(source: Path) -> None:
    for name in ("one", "other"):
        shutil.copytree(source, source / name)
    _texts_alone(source)


def _an_essay_twice(source: Path) -> None:
    for row in (1, 2):
        kaggle.edit(source, "test.csv", row, "essay_id", "A")
    (source / "test/C.txt").rename(source / "test/A.txt")


def _an_unknown_type(source: Path) -> None:
    kaggle.edit(source, "test.csv", 1, "discourse_type", "Clam")


def _texts_of_others(source: Path) -> None:
    (source / "test/C.txt").write_text("Another text.")


@pytest.mark.parametrize(
    ("act", "line"),
    [
        (_no_folder, f"params.yaml: {KEY}: raw: not found, expected a folder in Kaggle's layout"),
        (
            _a_file,
            f"params.yaml: {KEY}: raw: a file, not a folder, expected a folder in Kaggle's layout",
        ),
        (
            _texts_alone,
            "raw/test.csv: not found, expected the elements of the essays in raw/test; texts "
            "without their elements can't be labelled",
        ),
        (_empty, "raw/test.csv: not found, expected the elements of the essays in raw/test"),
        (_without_texts, "raw/test: not found, expected a folder of text files"),
        (
            _two,
            "raw: expected Kaggle's files in one folder, found them in one, other; name one of "
            f"them in {KEY} of params.yaml",
        ),
        (
            _an_essay_twice,
            "raw/test.csv: row 1: column 'essay_id': found 'A', which is in raw/train.csv too, "
            "expected an id of its own",
        ),
        (
            _an_unknown_type,
            "raw/test.csv: row 1 (discourse_id u1): column 'discourse_type': found 'Clam', "
            "expected one of Lead, Position, Claim, Counterclaim, Rebuttal, Evidence, Concluding "
            "Statement",
        ),
        (
            _texts_of_others,
            "raw/test.csv: 2 of 2 elements (100.0%) do not stand in their essay, expected at most "
            "10%; the first is discourse_id u1 of raw/test/C.txt: do texts and essays belong "
            "together?",
        ),
    ],
)
@pytest.mark.usefixtures("source")
def test_a_mistake_is_one_line(act, line: str):
    act(Path("raw"))
    with pytest.raises(UserError) as error:
        cleaned(Path("raw"))
    assert str(error.value) == line
