import csv
import shutil

import pandas as pd
import pytest

from pipeline import paths
from pipeline.competition.essays import read_source, validate
from pipeline.errors import UserError
from pipeline.files import read_json, sha256
from pipeline.params import Clean
from stages import validate as stage
from tests.competition import kaggle

CLEANING = Clean(repair_cp1252=True, plain_spaces=True)


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return kaggle.write(tmp_path / "raw")


def test_clean_tables(source):
    figures = validate(source, CLEANING)
    elements = pd.read_parquet("data/clean/train/elements.parquet")
    assert elements.to_dict("list") == {
        "discourse_id": ["t1", "t2", "t3", "t4"],
        "essay_id": ["A", "A", "B", "B"],
        "discourse_text": ["Boats are slow.", "They wait for tides.", "Trams ring.", "Trams ring."],
        "discourse_type": ["Position", "Claim", "Lead", "Claim"],
        "start": [0, 24, 0, 12],  # the second "Trams ring." over a newline
        "end": [15, 44, 11, 23],
        "label": [1, 2, 0, 1],
    }
    kinds = {name: str(kind) for name, kind in elements.dtypes.items()}
    assert kinds["start"] == kinds["end"] == "int32"
    assert kinds["label"] == "int8"
    essays = pd.read_parquet("data/clean/train/essays.parquet")
    assert essays.to_dict("list") == {
        "essay_id": ["A", "B"],
        "text": [kaggle.TEXTS["train/A"], kaggle.TEXTS["train/B"]],
    }
    assert pd.read_parquet("data/clean/test/elements.parquet")["label"].tolist() == [-1, -1]
    order = pd.read_parquet("data/clean/test/order.parquet")
    assert order.to_dict("list") == {"discourse_id": ["u2", "u1"]}
    assert read_json(paths.CLEAN_REPORT) == figures


def test_report_counts_oddities(source):
    counts = validate(source, CLEANING)["train"]
    assert counts["labels"] == {"Ineffective": 1, "Adequate": 2, "Effective": 1}
    assert counts["oddities"] == {
        "leading_white_space": 1,
        "trailing_white_space": 3,
        "newlines": 1,
        "carriage_returns": 0,
        "quotes": 0,
        "no_break_spaces": 0,
        "c1_characters": 0,
        "placeholders": 0,
        "not_verbatim": 2,  # t2 ends in a newline, t3 starts with a space
        "not_verbatim_when_stripped": 0,
        "several_times_in_essay": 0,  # verbatim, that is
        "sharing_their_text": 2,
        "texts_with_conflicting_labels": 1,
        "essays_not_contiguous": 0,
    }
    assert counts["not_found"] == []


def test_what_is_not_found_stays_in_its_place(source):
    kaggle.edit(source, "train.csv", 1, "discourse_text", "Boats are not there.")
    assert validate(source, CLEANING)["train"]["not_found"] == ["t1"]
    elements = pd.read_parquet("data/clean/train/elements.parquet")
    assert elements["discourse_id"].tolist() == ["t1", "t2", "t3", "t4"]
    assert elements["start"].tolist() == [-1, 24, 0, 12]
    assert elements["end"].tolist() == [-1, 44, 11, 23]


def test_rows_of_an_essay_are_brought_together(source):
    head, a, b, c, d = kaggle.TRAIN
    kaggle.save(source / "train.csv", [head, c, a, d, b])
    figures = validate(source, CLEANING)["train"]
    assert figures["oddities"]["essays_not_contiguous"] == 2
    elements = pd.read_parquet("data/clean/train/elements.parquet")
    assert elements["discourse_id"].tolist() == ["t3", "t4", "t1", "t2"]
    assert elements["start"].tolist() == [0, 12, 0, 24]
    assert pd.read_parquet("data/clean/train/essays.parquet")["essay_id"].tolist() == ["B", "A"]


def test_essay_and_elements_are_cleaned_alike(source):
    (source / "test/C.txt").write_text("Kites\u00a0don\x92t fly. So do letters.", encoding="utf-8")
    kaggle.edit(source, "test.csv", 1, "discourse_text", "Kites don\x92t fly. ")
    assert validate(source, CLEANING)["test"]["not_found"] == []
    elements = pd.read_parquet("data/clean/test/elements.parquet")
    assert elements["discourse_text"][0] == "Kites don’t fly."
    neither = Clean(repair_cp1252=False, plain_spaces=False)
    assert validate(source, neither)["test"]["not_found"] == []  # a no-break space is white space
    text = pd.read_parquet("data/clean/test/essays.parquet")["text"][0]
    assert text == "Kites\u00a0don\x92t fly. So do letters."


def test_optional_and_unknown_columns(source):
    kaggle.add_column(
        source, "train.csv", "discourse_type_num", ["Position 1", "Claim 1", "Lead 1", "Claim 12"]
    )
    kaggle.add_column(source, "train.csv", "discourse_start", ["0", "1", "2", "3"])
    assert validate(source, CLEANING)["train"]["unused_columns"] == ["discourse_start"]


def test_same_bytes_again(source):
    def hashes():
        validate(source, CLEANING)
        return {p: sha256(p) for p in sorted(paths.CLEAN.rglob("*")) if p.is_file()}

    first = hashes()
    assert len(first) == 6
    shutil.rmtree(paths.CLEAN)
    assert hashes() == first


def test_a_mistake_leaves_earlier_outputs_alone(source):
    validate(source, CLEANING)
    before = sha256(paths.clean("train") / "elements.parquet")
    kaggle.edit(source, "train.csv", 2, "discourse_text", "Another text.")
    kaggle.edit(source, "test.csv", 2, "discourse_type", "Clam")
    with pytest.raises(UserError):
        validate(source, CLEANING)
    assert sha256(paths.clean("train") / "elements.parquet") == before


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
        "expected a discourse type and a number: 'Claim 2'",
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
    with pytest.raises(UserError, match=r"data\.source: nowhere not found, expected a folder"):
        read_source(source.parent.joinpath("nowhere").relative_to(source.parent))


def test_quoted_newlines_and_quotes_are_read(source):
    with (source / "train.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    rows[1][2] = 'Boats "are"\n\nslow. '
    kaggle.save(source / "train.csv", rows)
    assert read_source(source).train.rows.at[1, "discourse_text"] == 'Boats "are"\n\nslow. '


def test_byte_order_mark_and_windows_line_ends(source):
    data = (source / "test.csv").read_bytes().replace(b"\n", b"\r\n")
    (source / "test.csv").write_bytes(b"\xef\xbb\xbf" + data)
    assert read_source(source).test.rows["discourse_id"].tolist() == ["u1", "u2"]


def test_missing_values_words_are_texts(source):
    kaggle.edit(source, "test.csv", 1, "discourse_text", "NA")
    assert read_source(source).test.rows.at[1, "discourse_text"] == "NA"


def test_stage_says_what_it_made(source, capsys, board):
    kaggle.add_column(source, "test.csv", "score", ["1", "2"])
    board(source)
    stage.main([])
    assert capsys.readouterr().out.splitlines() == [
        "data/clean/train: 4 elements of 2 essays, 0 not found in their essay",
        "data/clean/test: 2 elements of 1 essays, 0 not found in their essay",
        f"{source}/test.csv: not used: columns score",
    ]
