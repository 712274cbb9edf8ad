"""Refusals of later stages come before a fold trains."""

from pathlib import Path

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import paths
from pipeline.competition.schema import TASK
from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.files import write_parquet
from pipeline.inputs.windowing import window_columns
from pipeline.training import ahead
from stages import train
from tests.configurations import SMALL, changed, write


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(SMALL)
    folds = pd.DataFrame({"essay_id": list("abcdef"), "fold": [0, 0, 0, 1, 1, 1]})
    write_parquet(paths.FOLDS, folds)
    write_tokens("small", 3)


def write_tokens(model: str, elements: int) -> None:
    """Write test tokens of one window, with one token for each of its elements."""
    window = {
        "essay_id": "a",
        "input_ids": [1] * elements,
        "slot": list(range(elements)),
        "element": list(range(elements)),
        "weight": [1.0] * elements,
    }
    features = datasets.Features.from_arrow_schema(window_columns(TASK))
    folder = paths.tokens(model, "test")
    datasets.Dataset.from_list([window], features=features).save_to_disk(folder)
    index = pa.table({"discourse_id": [f"e{n}" for n in range(elements)]})
    pq.write_table(index, folder / "elements.parquet")


def refusal() -> str | None:
    try:
        ahead.check_later_stages(load_configuration().whole, "small")
    except UserError as error:
        return str(error)
    return None


def touch(name: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).touch()


@pytest.mark.parametrize(
    "left",
    [
        "artifacts/weights/small/fold2",
        "artifacts/folds/small/fold2",
        "artifacts/weights/small/full",
        "data/tokens/small/train/soft",
        "artifacts/oof/old.parquet",
        "artifacts/test/old.parquet",
    ],
)
def test_leftovers_of_another_configuration(left: str):
    for own in ("weights/small/fold1", "oof/small.parquet", "oof/baseline.parquet"):
        touch(f"artifacts/{own}")
    assert refusal() is None
    touch(left)
    folder, _, name = left.rpartition("/")
    assert refusal() == f"{folder}: {name} is not in params.yaml; `make prune` removes leftovers"


def test_rows_of_prediction():
    """`tokenize` has made the windows that `predict` will meet."""
    write_tokens("small", 33)
    assert refusal() == (
        "params.yaml: models.small.predict.slots: 32 elements, but the fullest window has 33; "
        "expected at least 33"
    )


def test_another_model_s_tokens_may_be_stale():
    """They are made anew before that model's folds train."""
    write(changed(SMALL, {"models": {"other": SMALL["models"]["small"]}}))
    write_tokens("other", 33)
    assert refusal() is None


@pytest.mark.parametrize(
    ("folds", "nested", "most"), [([0, 1], 6, None), ([0, 1], 7, 6), ([1], 4, 3)]
)
def test_nested_folds(folds: list[int], nested: int, most: int | None):
    write(changed(SMALL, {"folds": folds, "ensemble": {"nested_folds": nested}}))
    expected = f"{nested}; expected at most {most}, one for each essay"
    assert refusal() == (most and f"params.yaml: ensemble.nested_folds: {expected}")


def test_a_full_fit_reads_no_split():
    write(changed(SMALL, {"ensemble": {"nested_folds": 7}}))
    ahead.check_later_stages(load_configuration().whole, "small", full=True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fold", "-1"], "--fold: expected a number from 0, found -1"),
        ([], "--fold: expected one, for small is not in full of params.yaml"),
    ],
)
def test_a_full_fit_is_never_a_slip(arguments: list[str], told: str):
    with pytest.raises(UserError, match=f"^{told}$"):
        train.main(["--model", "small", *arguments])


def test_the_stage_looks_ahead_before_it_trains(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(train, "train_fold", lambda job: pytest.fail("it trained"))
    touch("artifacts/oof/old.parquet")
    with pytest.raises(UserError, match=r"old\.parquet is not in params.yaml"):
        train.main(["--model", "small", "--fold", "0"])
