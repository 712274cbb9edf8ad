"""The estimate of a fold's time: a few steps and a few batches stand for all."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from commands import smoke as command
from pipeline.training import smoke
from pipeline.training.fold_data import FoldData
from pipeline.training.fold_model import FoldModel
from tests import configurations

SEEN: dict[str, Any] = {
    "steps": 20,
    "total": 1_000,
    "first_step": 30.0,
    "step_seconds": 2.0,
    "tokens_per_second": 1234.5,
    "first_batch": 12.0,
    "timed_batches": 5,
    "batches": 150,
    "batch_seconds": 1.0,
    "passes": 4,
    "loss": 0.98765,
    "scored": 40,
    "held": 1_200,
    "host_megabytes": 2_000.4,
    "device_megabytes": None,
}


def test_a_fold_s_time_is_that_of_all_steps_and_batches():
    """30 s, 999 steps of 2 s, 12 s, and four passes over 150 batches of 1 s."""
    assert smoke.Smoke(**SEEN).fold_seconds == pytest.approx(30.0 + 1_998.0 + 12.0 + 600.0)


def test_it_is_told_in_hours_and_minutes(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    configurations.write(configurations.DEFAULT)
    monkeypatch.setattr(command, "smoke", lambda job, profile: smoke.Smoke(**SEEN))
    command.main(["--model", "tiny", "--fold", "0"])
    assert capsys.readouterr().out.splitlines() == [
        "log loss after 20 steps: 0.9877, on 40 of 1,200 held-out elements",
        "first step (compilation and all): 30.0 s",
        "memory: 2,000 MB of the host at its peak; of one device: not told",
        "speed: 1,234 real tokens/s; the held-out essays in about 2 min, by 5 of 150 batches",
        "time: about 44 min a fold; about 3 h 40 min for 5 folds one after another",
    ]


class _Model(FoldModel):
    """Two windows fill a batch; every prediction is noted."""

    def __init__(self) -> None:
        self.predicted: list[list[int]] = []
        self.predictor: Any = SimpleNamespace(steps=lambda _, windows: -(-len(windows) // 2))

    def predict(self, params: Any, data: FoldData, windows: Any = None) -> np.ndarray:
        self.predicted.append(windows.tolist())
        out = np.full((len(data.truth), 3), np.nan)
        out[windows] = 1 / 3
        return out


def _data(held: list[int]) -> FoldData:
    truth = np.full(100, -1)
    truth[held] = 1
    data = FoldData.__new__(FoldData)
    vars(data).update(tokens=None, held=np.array(held), truth=truth)
    return data


def test_a_few_batches_are_timed_once_they_are_compiled():
    model, data = _Model(), _data(list(range(10, 90)))
    seen = smoke.predict_few(model, None, data)
    assert model.predicted == [[10], list(range(10, 20))]
    assert (seen.timed_batches, seen.batches, seen.scored, seen.held) == (5, 40, 10, 80)
    assert seen.loss == pytest.approx(np.log(3))


def test_where_there_are_few_all_of_them_run():
    model = _Model()
    seen = smoke.predict_few(model, None, _data([3, 4, 5]))
    assert model.predicted == [[3], [3, 4, 5]]
    assert (seen.timed_batches, seen.batches, seen.scored, seen.held) == (2, 2, 3, 3)
