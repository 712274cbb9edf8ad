"""What a later stage would refuse is refused before a fold trains."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.files import write_parquet
from pipeline.training import ahead
from stages import train
from tests.configurations import SMALL, changed, write


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(SMALL)
    folds = pd.DataFrame({"essay_id": list("abcdef"), "fold": [0, 0, 0, 1, 1, 1]})
    write_parquet(paths.FOLDS, folds)


def refusal() -> str | None:
    try:
        ahead.check_later_stages(load_configuration().whole)
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


def test_rows_of_prediction(monkeypatch: pytest.MonkeyPatch):
    """`tokenize` has made the windows that `predict` will meet."""
    windows = SimpleNamespace(lengths=np.array([128, 20]), n_slots=np.array([5, 33]))
    monkeypatch.setattr(ahead, "read_tokens", lambda folder: windows)
    assert refusal() is None, "the tokens are yet to come"
    touch("data/tokens/small/test/state.json")
    assert refusal() == (
        "params.yaml: models.small.predict.slots: 32 elements, but the fullest window has 33; "
        "expected at least 33"
    )


@pytest.mark.parametrize(
    ("folds", "nested", "most"), [([0, 1], 6, None), ([0, 1], 7, 6), ([1], 4, 3)]
)
def test_nested_folds(folds: list[int], nested: int, most: int | None):
    write(changed(SMALL, {"folds": folds, "ensemble": {"nested_folds": nested}}))
    expected = f"{nested}; expected at most {most}, one for each essay"
    assert refusal() == (most and f"params.yaml: ensemble.nested_folds: {expected}")


def test_the_stage_looks_ahead_before_it_trains(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(train, "train_fold", lambda job: pytest.fail("it trained"))
    touch("artifacts/oof/old.parquet")
    with pytest.raises(UserError, match=r"old\.parquet is not in params.yaml"):
        train.main(["--model", "small", "--fold", "0"])
