"""Kaggle's files are found by one function, for the doctor, `validate` and the rest."""

import zipfile
from pathlib import Path

import pytest

from pipeline.competition.essays import read_source
from pipeline.doctor.requirements import examine_data
from pipeline.errors import UserError
from pipeline.params import Data

NAME = "feedback-prize-effectiveness"


def refused(folder: str) -> list[str]:
    """The doctor's lines, of which `validate` has the first."""
    lines = [finding.text for finding in examine_data(Data(source=folder))]
    with pytest.raises(UserError) as caught:
        read_source(Path(folder))
    assert str(caught.value) == lines[0]
    return lines


def test_files_one_folder_down(source: Path):
    """As some programs unpack an archive."""
    source.rename(source.with_name("inner"))
    source.mkdir()
    (source / "notes").mkdir()
    source.with_name("inner").rename(source / NAME)
    assert list(examine_data(Data(source="raw"))) == []
    assert len(read_source(Path("raw")).train.rows) == 4


def test_two_folders_that_may_be_meant(source: Path):
    for name in ("first", "second"):
        (source / name).mkdir()
        for path in source.glob("*.csv"):
            (source / name / path.name).write_bytes(path.read_bytes())
    for path in source.glob("*.csv"):
        path.unlink()
    assert refused("raw") == [
        "raw: expected Kaggle's files in one folder, found them in first, second; name one of them "
        "in data.source of params.yaml"
    ]


def test_a_file_in_the_inner_folder_is_missed_there(source: Path):
    (source / NAME).mkdir()
    for path in list(source.iterdir()):
        if path.name != NAME:
            path.rename(source / NAME / path.name)
    (source / NAME / "sample_submission.csv").unlink()
    assert refused("raw") == [
        f"raw/{NAME}/sample_submission.csv: not found, expected a file in Kaggle's layout"
    ]


def test_the_archive_itself(source: Path):
    with zipfile.ZipFile("kaggle.zip", "w") as archive:
        archive.write(source / "train.csv", "train.csv")
    assert refused("kaggle.zip") == [
        "params.yaml: data.source: kaggle.zip: a file, not a folder; `make data ZIP=kaggle.zip` "
        "unpacks it into data/raw"
    ]


def test_a_table_in_place_of_its_folder(source: Path):
    assert refused("raw/train.csv") == [
        "params.yaml: data.source: raw/train.csv: a file, not a folder; expected the folder in "
        "Kaggle's layout: raw"
    ]


def test_a_folder_that_holds_the_archive_still_packed(source: Path):
    for path in source.glob("*.csv"):
        path.unlink()
    with zipfile.ZipFile(source / f"{NAME}.zip", "w") as archive:
        archive.writestr("train.csv", "")
    assert refused("raw")[0] == (
        f"raw/train.csv: not found, expected a file in Kaggle's layout; `make data "
        f"ZIP=raw/{NAME}.zip` unpacks it into data/raw"
    )
