"""Someone else's files: what is taken, what is refused, and in which words."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import params, paths
from pipeline.errors import UserError
from pipeline.members.external import adopt, read_probabilities
from pipeline.tables.elements import Elements
from pipeline.tables.predictions import read_predictions
from stages import member as member_stage
from tests.configurations import write_members

HEAD = "discourse_id,Ineffective,Adequate,Effective\n"
OOF = HEAD + "c,0.2,0.3,0.5\na,0.1,0.8,0.1\nb,0.5,0.25,0.25\n"
TEST = HEAD + "y,0.25,0.25,0.5\nx,1,0,0\n"
ELEMENTS = Elements(
    ["a", "b", "c"],
    ["e", "e", "f"],
    ["Lead", "Claim", "Lead"],
    np.array([1, 0, 2]),
    np.array([1, 1, 0]),
)
MEMBER = params.Member(oof="oof.csv", test="test.csv")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("oof.csv").write_text(OOF)
    Path("test.csv").write_text(TEST)


def take() -> tuple[int, int]:
    return adopt("theirs", MEMBER, ELEMENTS, ["x", "y"])


def test_rows_come_in_our_order_with_our_folds() -> None:
    assert take() == (0, 0)
    oof, test = read_predictions(paths.oof("theirs")), read_predictions(paths.test("theirs"))
    assert oof.element_ids == ["a", "b", "c"]
    assert oof.folds.tolist() == [1, 1, 0]
    np.testing.assert_array_equal(oof.probabilities[:, 0], [0.1, 0.5, 0.2])
    assert test.element_ids == ["x", "y"]
    assert test.folds.tolist() == [-1, -1]
    np.testing.assert_array_equal(test.probabilities, [[1, 0, 0], [0.25, 0.25, 0.5]])


def test_other_columns_orders_and_a_byte_order_mark_do_not_matter() -> None:
    text = (
        '\ufefffold,Effective,text,discourse_id,Adequate,Ineffective\r\n0,0.5,"a,\nb",c,0.3,0.2\r\n'
    )
    Path("oof.csv").write_text(text, encoding="utf-8")
    rows = read_probabilities(Path("oof.csv"))
    assert rows.element_ids == ["c"]
    np.testing.assert_array_equal(rows.values, [[0.2, 0.3, 0.5]])


def test_rounded_rows_are_rescaled_and_counted() -> None:
    Path("oof.csv").write_text(HEAD + "a,0.13,0.13,0.75\nb,0.5,0.25,0.2500001\nc,.33,3.3e-1,0.33\n")
    assert take() == (2, 0)
    rows = read_predictions(paths.oof("theirs")).probabilities
    np.testing.assert_allclose(rows[[0, 2]], [[13 / 101, 13 / 101, 75 / 101], [1 / 3] * 3])
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "oof.csv: found no header, expected column names"),
        (
            "discourse_id,Ineffective,Effective\n",
            "oof.csv: column 'Adequate' is missing, found discourse_id, Ineffective, Effective",
        ),
        (OOF.replace("0.8", ""), "oof.csv: line 3: column 'Adequate': expected a number, found ''"),
        (OOF.replace("0.8", "high"), "oof.csv: line 3: column 'Adequate': expected a number, f"),
        (
            OOF.replace("0.8", "nan"),
            "oof.csv: line 3: column 'Adequate': expected a finite number that is not negative, "
            "found 'nan'",
        ),
        (OOF.replace("0.8", "inf"), "that is not negative, found 'inf'"),
        (OOF.replace("0.8", "-0.8"), "that is not negative, found '-0.8'"),
        (HEAD + "a,1,0,0\n", "oof.csv: discourse_id: 2 missing (the first: b)"),
        (OOF + "d,1,0,0\n", "oof.csv: discourse_id: 1 unknown (the first: d)"),
        (OOF + "b,1,0,0\nb,1,0,0\n", "oof.csv: discourse_id: 2 repeated (the first: b)"),
        (
            OOF.replace("c,", "d,") + "a,1,0,0\n",
            "1 missing (the first: c), 1 unknown (the first: d), 1 repeated (the first: a)",
        ),
    ],
)
def test_what_is_at_fault_is_named_and_nothing_is_written(text: str, message: str) -> None:
    Path("oof.csv").write_text(text)
    with pytest.raises(UserError) as error:
        take()
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not Path("artifacts").exists()


def test_the_test_file_is_held_to_the_test_elements() -> None:
    Path("test.csv").write_text(TEST.replace("y,", "a,"))
    with pytest.raises(UserError, match=r"^test\.csv: discourse_id: 1 missing \(the first: y\)"):
        take()
    Path("test.csv").unlink()
    with pytest.raises(UserError, match=r"^test\.csv: not found"):
        take()


def test_bytes_that_are_no_text_are_refused() -> None:
    Path("oof.csv").write_bytes(OOF.encode() + b"\xff\xfe,1,0,0\n")
    with pytest.raises(UserError, match=r"^oof\.csv: line 5: found byte 0xFF, expected UTF-8$"):
        take()


def test_the_stage_says_the_log_loss_and_what_was_rescaled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for split, ids in (("train", ELEMENTS.element_ids), ("test", ["x", "y"])):
        paths.clean(split).mkdir(parents=True)
        table = pd.DataFrame({"discourse_id": ids, "discourse_type": "Lead"})
        table["essay_id"] = ELEMENTS.essay_ids if split == "train" else "t"
        table["label"] = np.array([1, 0, 2] if split == "train" else -1, np.int8)
        table.to_parquet(paths.clean(split) / "elements.parquet")
    pd.DataFrame({"essay_id": ["e", "f"], "fold": [1, 0]}).to_parquet(paths.FOLDS)
    Path("oof.csv").write_text(OOF.replace("0.5,0.25,0.25", "0.505,0.2525,0.2525"))
    write_members(members={"theirs": {"oof": "oof.csv", "test": "test.csv"}})
    member_stage.main(["--member", "theirs"])
    loss = -np.log([0.8, 0.5, 0.5]).mean()
    assert capsys.readouterr().out.splitlines() == [
        "member@theirs: oof.csv: 1 rows did not sum to 1 and were rescaled",
        f"member@theirs: log loss {loss:.4f} over 3 elements, artifacts/oof/theirs.parquet",
    ]
    with pytest.raises(UserError, match=r"members: no 'their'; the nearest valid one is 'theirs'"):
        member_stage.main(["--member", "their"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            HEAD[:-1] + ",Adequate\na,0.1,0.8,0.1,0.3\n",
            "oof.csv: found column 'Adequate' twice, expected it once",
            id="a label twice",
        ),
        pytest.param(
            "".join(f"{line.split(',')[0]},{line}\n" for line in OOF.splitlines()),
            "oof.csv: found column 'discourse_id' twice, expected it once",
            id="the id twice",
        ),
        pytest.param(
            OOF.replace("0.8,0.1", "0.8,0.1,0.3,0.3"),
            "oof.csv: row 2 (ends on line 3): found 6 fields, expected 4",
            id="more fields",
        ),
        pytest.param(
            OOF.replace("0.1,0.8,0.1", "0.1,0.9"),
            "oof.csv: row 2 (ends on line 3): found 3 fields, expected 4",
            id="fewer fields",
        ),
        pytest.param(
            OOF.replace("a,", '"a,'),
            "oof.csv: line 3: not CSV: unexpected end of data",
            id="a quote that stays open is told where it opens",
        ),
        pytest.param(
            OOF.replace("a,0.1", '"a" ,0.1'),
            "oof.csv: line 3: not CSV: ',' expected after '\"'",
            id="text after a closing quote",
        ),
        pytest.param(
            OOF.replace("0.1,0.8,0.1", "0.11,4.0,0.11"),
            "oof.csv: line 3: column 'Adequate': expected a probability from 0 to 1, found '4.0'",
            id="odds",
        ),
        pytest.param(
            OOF.replace("0.1,0.8,0.1", "10.0,80.0,10.0"),
            "oof.csv: line 3: column 'Ineffective': expected a probability from 0 to 1, found '10",
            id="percent",
        ),
        pytest.param(
            OOF.replace("0.1,0.8,0.1", "0.1,1e308,1e308"),
            "oof.csv: line 3: column 'Adequate': expected a probability from 0 to 1, found '1e308'",
            id="an overflow of the sum",
        ),
        pytest.param(
            OOF.replace("0.1,0.8,0.1", "0.6,0.9,0.4"),
            "oof.csv: line 3: columns Ineffective, Adequate, Effective: expected a sum of 0.99 to "
            "1.01, found 1.9",
            id="ranks from 0 to 1",
        ),
        pytest.param(
            OOF.replace("0.1,0.8,0.1", "0.1,0.78,0.1"),
            "a sum of 0.99 to 1.01, found 0.98",
            id="low",
        ),
        pytest.param(
            OOF.replace("0.1,0.8,0.1", "0,0,0"), "a sum of 0.99 to 1.01, found 0", id="zeros"
        ),
        pytest.param(
            OOF.replace("0.8", "0_8"),
            "oof.csv: line 3: column 'Adequate': expected a number, found '0_8'",
            id="an underscore",
        ),
        pytest.param(
            OOF.replace("0.8", "\u0660.\u0668"),
            "oof.csv: line 3: column 'Adequate': expected a number, found '\u0660.\u0668'",
            id="other digits",
        ),
        pytest.param(
            OOF.replace("a,", " ,"),
            "oof.csv: line 3: column 'discourse_id': expected an id, found ' '",
            id="no id",
        ),
        pytest.param(
            OOF.replace("Adequate", " ADEQUATE"),
            "oof.csv: column 'Adequate' is missing, found discourse_id, Ineffective,  ADEQUATE, "
            "Effective; is ' ADEQUATE' meant?",
            id="another case",
        ),
        pytest.param(
            "\ufeff\ufeff" + OOF,
            "oof.csv: column 'discourse_id' is missing, found \\ufeffdiscourse_id, Ineffective, "
            "Adequate, Effective; is '\\ufeffdiscourse_id' meant?",
            id="a second byte order mark",
        ),
        pytest.param(
            OOF + "\n   \nd,1,0,0\n",
            "oof.csv: discourse_id: 1 unknown (the first: d)",
            id="blank lines are none",
        ),
    ],
)
def test_what_is_no_table_of_probabilities_is_refused(text: str, message: str) -> None:
    Path("oof.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        take()
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not Path("artifacts").exists()


def test_a_test_file_at_fault_leaves_no_out_of_fold_table() -> None:
    Path("test.csv").write_text(TEST.replace("y,", "z,"))
    with pytest.raises(UserError, match=r"^test\.csv: discourse_id"):
        take()
    assert not Path("artifacts").exists()


def test_a_test_table_at_fault_leaves_no_out_of_fold_table() -> None:
    with pytest.raises(UserError, match=r"artifacts/test/theirs\.parquet: discourse_id 'x' stands"):
        adopt("theirs", MEMBER, ELEMENTS, ["x", "y", "x"])
    assert not Path("artifacts").exists()
