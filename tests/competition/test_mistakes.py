"""Every mistake in Kaggle's files that is found, with the one line that says where and what."""

import shutil

import pytest

from pipeline.competition.essays import read_source
from pipeline.errors import UserError
from tests.competition import kaggle


def remove(name):
    def act(source):
        path = source / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return act


def put(name, data):
    def act(source):
        (source / name).write_bytes(data)

    return act


def edit(*where):
    return lambda source: kaggle.edit(source, *where)


def twice(source):
    kaggle.edit(source, "train.csv", 3, "discourse_id", "t1")
    kaggle.edit(source, "train.csv", 4, "discourse_type", "Clam")


def move_essay(source):
    for row in (1, 2):
        kaggle.edit(source, "test.csv", row, "essay_id", "B")
    (source / "test/C.txt").rename(source / "test/B.txt")


def submission_without(source):
    kaggle.save(source / "sample_submission.csv", kaggle.SUBMISSION[:2])


def rename_column(source):
    text = (source / "train.csv").read_text().replace("discourse_type", "discourse_typ", 1)
    (source / "train.csv").write_text(text)


MISTAKES = {
    "no train.csv": (
        remove("train.csv"),
        "raw/train.csv: not found, expected a file in Kaggle's layout",
    ),
    "no test.csv": (
        remove("test.csv"),
        "raw/test.csv: not found, expected a file in Kaggle's layout",
    ),
    "no sample_submission.csv": (
        remove("sample_submission.csv"),
        "raw/sample_submission.csv: not found, expected a file in Kaggle's layout",
    ),
    "no folder of texts": (
        remove("test"),
        "raw/test: not found, expected a folder of text files",
    ),
    "missing column": (
        lambda source: kaggle.drop_column(source, "train.csv", "discourse_effectiveness"),
        "raw/train.csv: column 'discourse_effectiveness' is missing, found discourse_id, essay_id, "
        "discourse_text, discourse_type",
    ),
    "mistyped column": (
        rename_column,
        "raw/train.csv: column 'discourse_type' is missing, found discourse_id, essay_id, "
        "discourse_text, discourse_typ, discourse_effectiveness; is 'discourse_typ' meant?",
    ),
    "column twice": (
        lambda source: kaggle.add_column(source, "test.csv", "essay_id", ["C", "C"]),
        "raw/test.csv: found column 'essay_id' twice, expected it once",
    ),
    "duplicate id": (
        edit("train.csv", 3, "discourse_id", "t1"),
        "raw/train.csv: row 3 (discourse_id t1): column 'discourse_id': found 't1', expected an id "
        "that no other row has",
    ),
    "two mistakes": (
        twice,
        "raw/train.csv: row 3 (discourse_id t1): column 'discourse_id': found 't1', expected an id "
        "that no other row has (and 1 more mistakes)",
    ),
    "empty id": (
        edit("train.csv", 2, "discourse_id", ""),
        "raw/train.csv: row 2 (discourse_id ): column 'discourse_id': found '', expected a text "
        "that is not empty",
    ),
    "id that breaks a line of CSV": (
        edit("train.csv", 2, "discourse_id", "t,2"),
        "raw/train.csv: row 2 (discourse_id t,2): column 'discourse_id': found 't,2', expected "
        "letters, digits, dots, hyphens",
    ),
    "essay id that names no file": (
        edit("train.csv", 2, "essay_id", "../A"),
        "raw/train.csv: row 2 (discourse_id t2): column 'essay_id': found '../A', expected "
        "letters, digits, dots, hyphens",
    ),
    "unknown type": (
        edit("test.csv", 2, "discourse_type", "Clam"),
        "raw/test.csv: row 2 (discourse_id u2): column 'discourse_type': found 'Clam', expected "
        "one of Lead, Position, Claim, Counterclaim, Rebuttal, Evidence, Concluding Statement",
    ),
    "unknown label": (
        edit("train.csv", 4, "discourse_effectiveness", "effective"),
        "raw/train.csv: row 4 (discourse_id t4): column 'discourse_effectiveness': found "
        "'effective', expected one of Ineffective, Adequate, Effective",
    ),
    "empty label": (
        edit("train.csv", 4, "discourse_effectiveness", ""),
        "raw/train.csv: row 4 (discourse_id t4): column 'discourse_effectiveness': found '', "
        "expected one of Ineffective, Adequate, Effective",
    ),
    "empty text": (
        edit("train.csv", 1, "discourse_text", " \n\u00a0"),
        "raw/train.csv: row 1 (discourse_id t1): column 'discourse_text': found ' \\n\\xa0', "
        "expected a text that is not empty",
    ),
    "label in the test file": (
        lambda source: kaggle.add_column(
            source, "test.csv", "discourse_effectiveness", ["Adequate", "Adequate"]
        ),
        "raw/test.csv: found column 'discourse_effectiveness', expected a test file without labels",
    ),
    "element in both files": (
        edit("test.csv", 2, "discourse_id", "t4"),
        "raw/test.csv: row 2: column 'discourse_id': found 't4', which is in raw/train.csv too, "
        "expected an id of its own",
    ),
    "essay in both files": (
        move_essay,
        "raw/test.csv: row 1: column 'essay_id': found 'B', which is in raw/train.csv too, "
        "expected an id of its own",
    ),
    "essay without text file": (
        remove("train/B.txt"),
        "raw/train.csv: row 3: column 'essay_id': found 'B', expected a text file raw/train/B.txt",
    ),
    "text file without essay": (
        put("test/D.txt", b"Spare."),
        "raw/test/D.txt: found no row of this essay in raw/test.csv, expected at least one",
    ),
    "empty essay": (
        put("test/C.txt", b" \n"),
        "raw/test/C.txt: found an empty text, expected an essay",
    ),
    "undecodable essay": (
        put("train/A.txt", b"Boats are slow.\nIt\x92s so."),
        "raw/train/A.txt: line 2: found byte 0x92, expected UTF-8",
    ),
    "undecodable table": (
        put("test.csv", b"discourse_id\n\xff"),
        "raw/test.csv: line 2: found byte 0xFF, expected UTF-8",
    ),
    "empty table": (
        put("train.csv", b""),
        "raw/train.csv: found no header, expected column names",
    ),
    "header only": (
        put("test.csv", b"discourse_id,essay_id,discourse_text,discourse_type\n"),
        "raw/test.csv: found no rows below the header, expected at least one",
    ),
    "ragged row": (
        put("sample_submission.csv", b"discourse_id,Ineffective,Adequate,Effective\nu1,1,1\n"),
        "raw/sample_submission.csv: row 1 (ends on line 2): found 3 fields, expected 4",
    ),
    "open quote": (
        put("sample_submission.csv", b'discourse_id,Ineffective\n"u1,1\n'),
        "raw/sample_submission.csv: line 2: not CSV: unexpected end of data",
    ),
    "submission lacks a class": (
        lambda source: kaggle.drop_column(source, "sample_submission.csv", "Adequate"),
        "raw/sample_submission.csv: column 'Adequate' is missing, found discourse_id, Ineffective, "
        "Effective",
    ),
    "submission with another column": (
        lambda source: kaggle.add_column(source, "sample_submission.csv", "id", ["1", "2"]),
        "raw/sample_submission.csv: found column 'id', expected discourse_id, Ineffective, "
        "Adequate, Effective",
    ),
    "submission lacks an id": (
        submission_without,
        "raw/sample_submission.csv: discourse_id 'u1' of raw/test.csv (row 1) is missing, expected "
        "every id once",
    ),
    "submission with a strange id": (
        edit("sample_submission.csv", 2, "discourse_id", "u9"),
        "raw/sample_submission.csv: row 2: column 'discourse_id': found 'u9', expected an id of "
        "raw/test.csv",
    ),
    "submission with an id twice": (
        edit("sample_submission.csv", 2, "discourse_id", "u2"),
        "raw/sample_submission.csv: row 2 (discourse_id u2): column 'discourse_id': found 'u2', "
        "expected an id that no other row has",
    ),
    "number without a type": (
        lambda source: kaggle.add_column(
            source, "test.csv", "discourse_type_num", ["Claim", "Concluding Statement 1"]
        ),
        "raw/test.csv: row 1 (discourse_id u1): column 'discourse_type_num': found 'Claim', "
        "expected a discourse_type and a number: 'Lead 2'",
    ),
    "number of another type": (
        lambda source: kaggle.add_column(
            source, "test.csv", "discourse_type_num", ["Claim 1", "Claim 2"]
        ),
        "raw/test.csv: row 2 (discourse_id u2): column 'discourse_type_num': found 'Claim 2', "
        "expected the type that discourse_type names",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_one_line(source, name):
    act, message = MISTAKES[name]
    act(source)
    with pytest.raises(UserError) as caught:
        read_source(source.relative_to(source.parent))
    assert str(caught.value) == message


def test_no_source(source):
    with pytest.raises(
        UserError, match=r"params.yaml: data\.source: nowhere: not found, expected a folder"
    ):
        read_source(source.parent.joinpath("nowhere").relative_to(source.parent))
