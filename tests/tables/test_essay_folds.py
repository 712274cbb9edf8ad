"""The map from essays to folds: every row gets its essay's, and what is missing is named."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.errors import UserError
from pipeline.tables.columns import write_columns
from pipeline.tables.essay_folds import folds_of, held_out, read_folds


@pytest.fixture(autouse=True)
def _folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths.FOLDS.parent.mkdir()
    write_columns(paths.FOLDS, {"essay_id": ["A", "B", "C"], "fold": np.array([1, 0, 1])})


def test_rows_have_the_folds_of_their_essays():
    assert folds_of(["C", "B", "B", "A"], read_folds()).tolist() == [1, 0, 0, 1]
    assert held_out(["C", "B", "B", "A"], 0).tolist() == [False, True, True, False]


def test_essays_without_a_fold_are_counted_and_the_first_is_named():
    with pytest.raises(UserError) as error:
        held_out(["A", "X", "B", "W", "X"], 0)
    assert str(error.value) == (
        "data/folds.parquet: no fold for essay 'X' (2 in all); run `dvc repro split`"
    )


@pytest.mark.parametrize(("essays", "fold", "count"), [("AC", 0, 0), ("AC", 1, 2), ("AB", 2, 0)])
def test_a_fold_of_nothing_or_of_everything_is_refused(essays: str, fold: int, count: int):
    with pytest.raises(UserError, match=rf"^data/folds.parquet: fold {fold} has {count} of 2 rows"):
        held_out(list(essays), fold)
