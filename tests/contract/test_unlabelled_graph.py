"""A folder's essays through DVC: refused or tokenized before training, and apart from the test."""

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.configurations import SMALL, changed, text
from tests.contract.project import ROOT, few_essays, run_module, without_git

pytestmark = pytest.mark.slow

SMALLEST = SMALL["models"]["small"]
STUDENT = changed(SMALLEST, {"train": {"soft_labels": "alone"}})
TREE = changed(
    SMALL,
    {
        "folds": [0],
        "models": {"small": SMALLEST, "second": STUDENT},
        "unlabelled": {"second": {"teacher": "small", "essays": "more"}},
    },
)


def _stages(folder: Path) -> list[str]:
    said = run_module(folder, "dvc", "repro", "teach@second")
    return re.findall(r"Running stage '([^']+)'", said)


def test_a_folder_is_taught_by_a_model_s_folds(tmp_path: Path):
    folder = without_git(tmp_path / "project", text(TREE))
    few_essays(ROOT / "data/sample", folder / "data/sample", train=16, test=3)
    few_essays(ROOT / "data/sample", folder / "more", train=1, test=5)
    for name in ("train.csv", "sample_submission.csv"):
        (folder / "more" / name).unlink()
    ran = _stages(folder)
    order = ["unlabelled@second", "train@small-0", "teach@second"]
    assert [stage for stage in ran if stage in order] == order
    soft = pd.read_parquet(folder / "data/tokens/second/train/soft/fold0.parquet")
    rows = pd.read_csv(folder / "more/test.csv")
    assert set(soft["discourse_id"]) == set(rows["discourse_id"])
    np.testing.assert_allclose(soft.iloc[:, 2:].sum(axis=1), 1.0, atol=1e-12)
    # Another test set: cheap stages alone look whether it reaches them.
    _without_last_essay(folder / "data/sample")
    again = _stages(folder)
    assert "unlabelled@second" in again
    assert not {stage.partition("@")[0] for stage in again} & {"train", "teach"}


def _without_last_essay(source: Path) -> None:
    with (source / "test.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    last = rows[-1]["essay_id"]
    (source / f"test/{last}.txt").unlink()
    gone = {row["discourse_id"] for row in rows if row["essay_id"] == last}
    for name in ("test.csv", "sample_submission.csv"):
        table = pd.read_csv(source / name, dtype=str, keep_default_na=False)
        table[~table["discourse_id"].isin(gone)].to_csv(source / name, index=False)
