"""The hidden test is read whatever is odd in it, and what was odd is said."""

from pathlib import Path

import pytest

from pipeline.competition.hidden import Hidden
from pipeline.errors import UserError

HEAD = "discourse_id,essay_id,discourse_text,discourse_type\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test").mkdir()
    for essay in ("A", "B"):
        (tmp_path / f"test/{essay}.txt").write_text(f"Text of {essay}.")
    rows = "a1,A,First.,Lead\nb1,B,Third.,Claim\na2,A,Second.,Claim\n"
    (tmp_path / "test.csv").write_text(HEAD + rows)
    (tmp_path / "sample_submission.csv").write_text(
        "discourse_id,Ineffective,Adequate,Effective\nb1,1,1,1\na1,1,1,1\na2,1,1,1\n"
    )
    return tmp_path


def test_an_even_test_set_has_no_notes(folder: Path) -> None:
    hidden = Hidden(folder)
    assert hidden.notes == []
    assert hidden.order == ["b1", "a1", "a2"]
    assert hidden.essays == ["A", "B"]
    assert hidden.types == {"a1": "Lead", "b1": "Claim", "a2": "Claim"}
    assert (hidden.elements("A"), hidden.elements("B")) == (2, 1)
    split = hidden.split(["A"])
    assert split.rows["discourse_id"].tolist() == ["a1", "a2"]
    assert split.rows["discourse_text"].tolist() == ["First.", "Second."]
    assert split.essays == {"A": "Text of A."}


def test_columns_may_stand_in_any_order_beside_others(folder: Path) -> None:
    (folder / "test.csv").write_text(
        "more,discourse_type,discourse_text,essay_id,discourse_id\nx,Lead,First.,A,a1\n"
    )
    row = Hidden(folder).split(["A"]).rows.iloc[0]
    assert row.tolist() == ["a1", "A", "First.", "Lead"]


def test_short_rows_bad_bytes_and_other_ids(folder: Path) -> None:
    text = HEAD.encode() + b'a1,A,"First, \xe9.",Lead\n\nb1,B\nb1,B,Again.,Claim\n,A,None.,Lead\n'
    (folder / "test.csv").write_bytes(text + b"c1,A,New.,Lead\n")
    hidden = Hidden(folder)
    assert hidden.types == {"a1": "Lead", "b1": "", "c1": "Lead"}
    assert hidden.order == ["b1", "a1", "a2"], "the sample's, and no more"
    assert hidden.notes == [
        "test.csv: 1 rows with an id seen before",
        "test.csv: 1 rows with no id",
        "test.csv: 1 rows with an unknown discourse_type: the first is discourse_id 'b1' with ''",
        "sample_submission.csv: 1 ids (the first: 'c1') of test.csv not in it: not written",
        "sample_submission.csv: 1 ids (the first: 'a2') not in test.csv: priors are written",
    ]
    assert hidden.split(["A"]).rows["discourse_text"].tolist() == ["First, \ufffd.", "New."]
    assert hidden.essays == ["A"], "nothing is left of the other"


def test_an_unknown_type_costs_its_own_element(folder: Path) -> None:
    (folder / "test.csv").write_text(
        HEAD + "a1,A,First.,Lead\nb1,B,Third.,Claim\na2,A,Second.,Digression\na3,A,Last.,claim\n"
    )
    hidden = Hidden(folder)
    assert hidden.essays == ["A", "B"]
    assert hidden.split(["A"]).rows["discourse_id"].tolist() == ["a1"]
    assert hidden.elements("A") == 1
    assert hidden.types["a2"] == "Digression", "which no prior knows"
    assert hidden.notes[0] == (
        "test.csv: 2 rows with an unknown discourse_type: the first is discourse_id 'a2' with "
        "'Digression'"
    )


def test_a_sample_of_other_ids_rules_nothing(folder: Path) -> None:
    """Kaggle replaces test.csv and may leave the sample of the visible test in its place."""
    sample = folder / "sample_submission.csv"
    sample.write_text("discourse_id,Ineffective,Adequate,Effective\nz2,1,1,1\nz1,1,1,1\n")
    hidden = Hidden(folder)
    assert hidden.order == ["a1", "b1", "a2"]
    assert hidden.notes == [
        "sample_submission.csv: no id of test.csv is in it: those of test.csv are written"
    ]
    sample.write_text("discourse_id,Ineffective,Adequate,Effective\nz2,1,1,1\na2,1,1,1\n")
    assert Hidden(folder).order == ["z2", "a2"], "one in common is enough"


@pytest.mark.parametrize("rows", ["", "\n", ",A,No id.,Lead\n"])
def test_a_header_alone_ends_the_run_in_the_test_and_is_a_note_of_the_sample(
    folder: Path, rows: str
) -> None:
    (folder / "sample_submission.csv").write_text(HEAD + rows)
    hidden = Hidden(folder)
    line = "found no id below the header, expected some"
    assert hidden.order == ["a1", "b1", "a2"], "as where there is no sample"
    assert hidden.notes[-1] == f"sample_submission.csv: {line}"
    (folder / "test.csv").write_text(HEAD + rows)
    with pytest.raises(UserError) as error:
        Hidden(folder)
    assert str(error.value) == f"{folder}: test.csv: {line}"


def test_ids_are_read_as_csv_has_them(folder: Path) -> None:
    ids = ["a,1", 'a"2', "a\n3", "a\u20284", "a\u20295", "a\x856", "a\r7", " a8 "]
    for name, row in (("test.csv", "A,First.,Lead"), ("sample_submission.csv", "1,1,1")):
        lines = [f'"{i.replace(chr(34), 2 * chr(34))}",{row}' for i in ids]
        (folder / name).write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8", newline="")
    hidden = Hidden(folder)
    assert hidden.order == list(hidden.types) == ids
    assert hidden.notes == []


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "B.txt: not found"), (b" \n", "B.txt: empty")],
)
def test_a_text_that_is_not_there_is_told_when_it_is_read(
    folder: Path, content: bytes | None, message: str
) -> None:
    path = folder / "test/B.txt"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    hidden = Hidden(folder)
    assert hidden.split(["A"]).essays == {"A": "Text of A."}
    with pytest.raises(UserError) as error:
        hidden.split(["A", "B"])
    assert str(error.value) == message


def test_the_test_s_table_is_enough_to_know_the_ids(folder: Path) -> None:
    (folder / "sample_submission.csv").unlink()
    hidden = Hidden(folder)
    assert hidden.order == ["a1", "b1", "a2"]
    assert hidden.notes == ["sample_submission.csv: not found"]
    (folder / "test.csv").write_text("discourse_id,essay_id\na1,A\n")
    with pytest.raises(UserError) as error:
        Hidden(folder)
    assert str(error.value) == f"{folder}: test.csv: no column 'discourse_text'"
