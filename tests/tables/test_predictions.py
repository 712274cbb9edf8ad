"""Tables of predictions: what is refused, means over folds, alignment."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.tables.predictions import (
    Predictions,
    align,
    check_ids,
    mean_over_folds,
    read_predictions,
    write_predictions,
)

ROWS = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [1.0, 0.0, 0.0]])
FOLDS = np.array([0, 1, 1])


def test_what_is_written_is_read_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "m.parquet"
    write_predictions(path, ["a", "b", "é"], FOLDS, ROWS)
    rows = read_predictions(path)
    assert rows.element_ids == ["a", "b", "é"]
    assert rows.folds.tolist() == [0, 1, 1]
    assert rows.folds.dtype == np.int8
    np.testing.assert_array_equal(rows.probabilities, ROWS)


def test_other_tools_read_the_table(tmp_path: Path) -> None:
    import pandas as pd

    write_predictions(tmp_path / "m.parquet", ["a", "b", "c"], FOLDS, ROWS.astype(np.float32))
    table = pd.read_parquet(tmp_path / "m.parquet")
    expected = ["discourse_id", "fold", "Ineffective", "Adequate", "Effective"]
    assert list(table.columns) == expected
    assert table["discourse_id"].tolist() == ["a", "b", "c"]
    assert table["fold"].dtype == np.int8
    np.testing.assert_array_equal(table["Effective"], ROWS[:, 2].astype(np.float32))


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_predictions(tmp_path / name, ["a", "b", "c"], FOLDS, ROWS)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([np.nan, 0.5, 0.5], "'b': expected finite probabilities, found nan, 0.5, 0.5 (1 such"),
        ([-0.1, 0.6, 0.5], "'b': expected probabilities from 0 to 1, found -0.1, 0.6, 0.5 (1"),
        ([0.3, 0.3, 0.3], "'b': expected a row that sums to 1, found 0.3, 0.3, 0.3 (1 such"),
        ([0.3, 0.3, 0.400002], "'b': expected a row that sums to 1, found 0.3, 0.3, 0.400002 (1"),
    ],
)
def test_a_row_that_is_no_distribution_is_named(
    tmp_path: Path, row: list[float], message: str
) -> None:
    bad = ROWS.copy()
    bad[1] = row
    with pytest.raises(UserError) as error:
        write_predictions(tmp_path / "m", ["a", "b", "c"], FOLDS, bad)
    assert message in str(error.value)
    assert not (tmp_path / "m").exists()


def test_a_sum_within_a_millionth_passes(tmp_path: Path) -> None:
    rows = np.array([[0.3, 0.3, 0.4000009]])
    write_predictions(tmp_path / "m", ["a"], np.zeros(1, int), rows)


def test_an_id_twice_in_a_fold_is_refused_but_not_in_two(tmp_path: Path) -> None:
    write_predictions(tmp_path / "m", ["a", "a", "b"], np.array([0, 1, 1]), ROWS)
    with pytest.raises(UserError, match="'a' stands twice in fold 1"):
        write_predictions(tmp_path / "m", ["a", "a", "b"], np.array([1, 1, 1]), ROWS)


def test_ids_folds_and_rows_must_be_as_many(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found 2 ids, 3 folds, 3 rows"):
        write_predictions(tmp_path / "m", ["a", "b"], FOLDS, ROWS)


def test_reading_names_a_missing_file_column_and_a_file_of_another_kind(tmp_path: Path) -> None:
    import pandas as pd

    with pytest.raises(UserError, match=r"none\.parquet: not found"):
        read_predictions(tmp_path / "none.parquet")
    (tmp_path / "text").write_text("no parquet at all")
    with pytest.raises(UserError, match="text: not Parquet"):
        read_predictions(tmp_path / "text")
    pd.DataFrame({"discourse_id": ["a"], "fold": [0]}).to_parquet(tmp_path / "short")
    with pytest.raises(UserError, match="short: no column 'Ineffective', found discourse_id, fold"):
        read_predictions(tmp_path / "short")
    full = {"discourse_id": ["a"], "fold": ["0"], "Ineffective": [1.0]}
    pd.DataFrame(full | {"Adequate": [0.0], "Effective": [0.0]}).to_parquet(tmp_path / "kind")
    with pytest.raises(UserError, match="kind: column 'fold': expected numbers, found"):
        read_predictions(tmp_path / "kind")
    full |= {"fold": [0], "Adequate": [None], "Effective": [0.0]}
    pd.DataFrame(full).astype({"Adequate": float}).to_parquet(tmp_path / "empty")
    with pytest.raises(UserError, match="empty: column 'Adequate': 1 rows are empty"):
        read_predictions(tmp_path / "empty")


def test_mean_over_folds_by_hand(tmp_path: Path) -> None:
    rows = Predictions(
        ["b", "a", "a", "b"],
        np.array([0, 0, 1, 1], np.int8),
        np.array([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6], [0.4, 0.0, 0.6], [0.0, 0.5, 0.5]]),
    )
    mean = mean_over_folds(rows, tmp_path)
    assert mean.element_ids == ["b", "a"]
    assert mean.folds.tolist() == [-1, -1]
    np.testing.assert_allclose(mean.probabilities, [[0.25, 0.5, 0.25], [0.3, 0.1, 0.6]])


def test_mean_over_folds_does_not_depend_on_their_order(tmp_path: Path) -> None:
    values = np.random.default_rng(0).dirichlet(np.ones(3), 7)
    rows = Predictions(["a"] * 7, np.arange(7), values)
    order = np.array([3, 6, 0, 5, 1, 4, 2])
    shuffled = Predictions(["a"] * 7, order, values[order])
    one, two = (mean_over_folds(r, tmp_path).probabilities for r in (rows, shuffled))
    np.testing.assert_array_equal(one, two)


def test_mean_over_folds_misses_no_fold() -> None:
    rows = Predictions(["a", "b", "a"], np.array([0, 0, 1]), ROWS)
    with pytest.raises(UserError, match=r"x: discourse_id 'b': expected 2 folds, found 1"):
        mean_over_folds(rows, Path("x"))


def test_align_follows_the_order_that_is_wanted() -> None:
    rows = Predictions(["a", "b", "c"], FOLDS, ROWS)
    np.testing.assert_array_equal(align(rows, ["c", "a", "b"], Path("x")), ROWS[[2, 0, 1]])


def test_ids_that_differ_are_counted_and_the_first_named() -> None:
    rows = Predictions(["a", "b", "c"], FOLDS, ROWS)
    with pytest.raises(UserError) as error:
        align(rows, ["d", "c", "e"], Path("x"))
    assert str(error.value) == (
        "x: discourse_id: 2 missing (the first: d), 2 unknown (the first: a)"
    )
    with pytest.raises(UserError, match=r"x: discourse_id: 1 repeated \(the first: b\)"):
        check_ids(["a", "b", "b"], ["a", "b"], "x")


def test_neither_pandas_nor_sklearn_is_imported(tmp_path: Path) -> None:
    code = f"""
import sys, numpy as np, pathlib
from pipeline.tables.predictions import read_predictions, write_predictions
path = pathlib.Path({str(tmp_path / "m")!r})
write_predictions(path, ["a"], np.zeros(1, int), np.array([[0.5, 0.25, 0.25]]))
read_predictions(path)
print([name for name in ("pandas", "sklearn", "scipy", "datasets") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
