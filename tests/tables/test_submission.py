"""submission.csv: order, format, and what is refused."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.tables.submission import check_submission, write_submission

ROWS = np.array([[0.2, 0.3, 0.5], [1 / 3, 1 / 3, 1 / 3], [1.0, 0.0, 0.0]])


def test_rows_follow_the_samples_order(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    write_submission(path, ["c", "a", "b"], ["a", "b", "c"], ROWS)
    assert path.read_text() == (
        "discourse_id,Ineffective,Adequate,Effective\n"
        "c,1.00000000,0.00000000,0.00000000\n"
        "a,0.20000000,0.30000000,0.50000000\n"
        "b,0.33333333,0.33333333,0.33333333\n"
    )
    assert path.read_bytes().count(b"\r") == 0


@pytest.mark.parametrize(
    ("ids", "order", "message"),
    [
        (["a", "b", "c"], ["a", "b", "d"], "1 missing (the first: d), 1 unknown (the first: c)"),
        (["a", "b", "b"], ["a", "b", "c"], "1 missing (the first: c), 1 repeated (the first: b)"),
        (["a", "b", "c"], ["a", "b"], "discourse_id: 1 unknown (the first: c)"),
    ],
)
def test_other_ids_are_refused(
    tmp_path: Path, ids: list[str], order: list[str], message: str
) -> None:
    with pytest.raises(UserError) as error:
        write_submission(tmp_path / "s.csv", order, ids, ROWS)
    assert message in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [[np.nan, 0.5, 0.5], [0.5, 0.5, 0.5], [-0.5, 1.0, 0.5]])
def test_rows_that_are_no_distribution_are_refused(tmp_path: Path, bad: list[float]) -> None:
    path = tmp_path / "s.csv"
    path.write_text("the last one")
    rows = np.array([ROWS[0], bad, ROWS[2]])
    with pytest.raises(UserError, match=r"s\.csv: discourse_id 'b': expected"):
        write_submission(path, ["a", "b", "c"], ["a", "b", "c"], rows)
    assert path.read_text() == "the last one"


@given(st.integers(0, 10_000), st.floats(0.01, 10.0))
def test_what_is_written_passes_its_own_check(
    tmp_path_factory: pytest.TempPathFactory, seed: int, concentration: float
) -> None:
    rows = np.random.default_rng(seed).dirichlet(np.full(3, concentration), 8)
    ids = [f"i{i}" for i in range(8)]
    path = tmp_path_factory.getbasetemp() / "s.csv"
    write_submission(path, ids, ids, rows)
    check_submission(path, ids)
    again = np.genfromtxt(path, delimiter=",", skip_header=1)[:, 1:]
    np.testing.assert_allclose(again, rows, atol=5.1e-9)


def test_a_submission_is_read_back_against_kaggles_rules(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write_submission(path, ["a", "b", "c"], ["a", "b", "c"], ROWS)
    with pytest.raises(UserError, match=r"expected sample_submission\.csv's ids in its order"):
        check_submission(path, ["b", "a", "c"])
    good = path.read_text()
    path.write_text(good.replace("0.30000000", "0.40000000"))
    with pytest.raises(UserError, match="'a': expected a row that sums to 1"):
        check_submission(path, ["a", "b", "c"])
    path.write_text(good.replace("Adequate", "Fair"))
    with pytest.raises(UserError, match="expected columns discourse_id,Ineffective,Adequate"):
        check_submission(path, ["a", "b", "c"])
    path.write_text(good.replace("0.30000000", "high"))
    with pytest.raises(UserError, match="expected 3 numbers in each row"):
        check_submission(path, ["a", "b", "c"])
    path.write_text(good.replace(",0.30000000", ""))
    with pytest.raises(UserError, match=r"row 1 \(ends on line 2\): found 3 fields, expected 4"):
        check_submission(path, ["a", "b", "c"])
    path.write_text(good.splitlines()[0] + "\n")
    with pytest.raises(UserError, match=r"expected sample_submission\.csv's ids in its order"):
        check_submission(path, ["a", "b", "c"])
    path.write_text("")
    with pytest.raises(UserError, match="found no header, expected column names"):
        check_submission(path, ["a", "b", "c"])


ODD_IDS = ["a,1", 'a"2', "a\n3", "a\u20284", "a\u20295", "a\x856", "a\r7", " a8 ", "a\r\n9"]


def test_odd_ids_are_written_and_read_back_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write_submission(path, ODD_IDS, ODD_IDS[::-1], np.full((len(ODD_IDS), 3), [0.25, 0.5, 0.25]))
    check_submission(path, ODD_IDS)
    assert pd.read_csv(path)["discourse_id"].tolist() == ODD_IDS
    with path.open(encoding="utf-8", newline="") as stream:
        assert [row[0] for row in csv.reader(stream)][1:] == ODD_IDS
    with pytest.raises(UserError, match=r"expected sample_submission\.csv's ids in its order"):
        check_submission(path, ODD_IDS[::-1])
