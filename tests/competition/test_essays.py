import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline import paths
from pipeline.competition.checks import check_found
from pipeline.competition.essays import read_source, validate
from pipeline.errors import UserError
from pipeline.files import read_json, sha256
from pipeline.params import Clean
from stages import validate as stage
from tests.competition import kaggle
from tests.configurations import section

CLEANING = section(Clean)


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
    neither = section(Clean, repair_cp1252=False, plain_spaces=False)
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


def test_stage_says_what_it_made(source, capsys, configuration):
    kaggle.add_column(source, "test.csv", "score", ["1", "2"])
    configuration(source)
    stage.main([])
    assert capsys.readouterr().out.splitlines() == [
        "data/clean/train: 4 elements of 2 essays, 0 not found in their essay, 0 out of order",
        "data/clean/test: 2 elements of 1 essays, 0 not found in their essay, 0 out of order",
        f"{source}/test.csv: not used: columns score",
    ]


def test_clean_tables_stand_in_reading_order_whatever_the_order_of_rows(source):
    validate(source, CLEANING)
    before = {p: sha256(p) for p in paths.CLEAN.rglob("*.parquet")}
    head, a, b, c, d = kaggle.TRAIN
    kaggle.save(source / "train.csv", [head, b, a, c, d])
    figures = validate(source, CLEANING)["train"]
    assert {p: sha256(p) for p in paths.CLEAN.rglob("*.parquet")} == before
    assert (figures["not_found"], figures["out_of_order"]) == ([], 1)
    assert figures["told_apart_by_row_order"] == 2  # t3 and t4


def test_outer_elements_come_first_and_lost_ones_stay_behind_the_row_before(source):
    rows = [
        ["t1", "A", "They wait", "Claim", "Adequate"],
        ["t2", "A", "Nowhere.", "Claim", "Adequate"],
        ["t3", "A", "They wait for tides.", "Evidence", "Adequate"],
        ["t4", "A", "wait for", "Claim", "Adequate"],
        ["t5", "A", "Boats are slow.", "Position", "Adequate"],
    ]
    kaggle.save(source / "train.csv", [kaggle.TRAIN[0], *rows, *kaggle.TRAIN[3:]])
    for row in (6, 7):
        kaggle.edit(source, "train.csv", row, "discourse_id", f"b{row}")
    assert validate(source, CLEANING)["train"]["out_of_order"] == 1
    elements = pd.read_parquet("data/clean/train/elements.parquet")
    assert elements["discourse_id"].tolist()[:5] == ["t5", "t3", "t1", "t2", "t4"]
    assert elements["start"].tolist()[:5] == [0, 24, 24, -1, 29]


@pytest.mark.parametrize(
    ("name", "share", "first"),
    [
        ("train", "2 of 4 elements (50.0%)", "t1 of raw/train/A.txt"),
        ("test", "2 of 2 elements (100.0%)", "u1 of raw/test/C.txt"),
    ],
)
def test_texts_of_other_essays_are_refused(source, name, share, first):
    validate(source, CLEANING)
    before = {p: sha256(p) for p in paths.CLEAN.rglob("*.*")}
    for row in (1, 2):
        kaggle.edit(source, f"{name}.csv", row, "discourse_text", f"Of another essay {row}.")
    with pytest.raises(UserError) as caught:
        validate(source.relative_to(source.parent), CLEANING)
    assert str(caught.value) == (
        f"raw/{name}.csv: {share} do not stand in their essay, expected at most 10%; "
        f"the first is discourse_id {first}: do texts and essays belong together?"
    )
    assert {p: sha256(p) for p in paths.CLEAN.rglob("*.*")} == before


@pytest.mark.parametrize(("lost", "refused"), [(2, False), (3, True)])
def test_a_tenth_of_the_elements_may_be_lost(lost, refused):
    found = pd.DataFrame({"discourse_id": [str(i) for i in range(20)], "essay_id": "A"})
    if refused:
        with pytest.raises(UserError, match=r"^train.csv: 3 of 20 elements \(15.0%\) do not stand"):
            check_found(Path("train.csv"), Path("train"), found, found[:lost])
    else:
        check_found(Path("train.csv"), Path("train"), found, found[:lost])


def test_stage_tells_what_is_out_of_order_apart(source, capsys, configuration):
    head, a, b, c, d = kaggle.TRAIN
    b = [*b[:2], "Of another essay.", *b[3:]]
    kaggle.save(source / "train.csv", [head, b, a, d, c])
    first, second = kaggle.TEST[1:]
    kaggle.save(source / "test.csv", [kaggle.TEST[0], second, first])
    configuration(source)
    stage.main([])
    assert capsys.readouterr().out.splitlines() == [
        "data/clean/train: 4 elements of 2 essays, 1 not found in their essay, 0 out of order",
        "data/clean/test: 2 elements of 1 essays, 0 not found in their essay, 1 out of order",
    ]
