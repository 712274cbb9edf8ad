"""A run's time is told ahead, and folds that would not end in it are left out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline import paths
from pipeline.bounds import Name
from pipeline.bundle import time_limit as clocks
from pipeline.bundle.forecast import Forecast, Pace, forecast
from pipeline.bundle.infer import ByUnit, predict_folds
from pipeline.bundle.pace import count_rows, full_steps
from pipeline.bundle.time_limit import Clock
from pipeline.configuration import load_configuration
from pipeline.inputs.packing import plan
from pipeline.inputs.tokens import read_tokens
from pipeline.params import Predict, Rows
from pipeline.units import Unit, units
from tests.bundle.graph import MODEL


@pytest.mark.parametrize("part", ["clean, tokenize, baseline", "compilation, a step"])
def test_no_model_is_called_like_another_part_of_the_run(part: str) -> None:
    """The clock tells a part's next lap by its last one, and goes by the name alone."""
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(part)


def _timed(now: list[float], seconds: float, asked: list[str], name: str) -> ByUnit:
    """A model whose fold k predicts k + 1 and takes some seconds of a clock that stands still."""

    def predict(unit: Unit) -> np.ndarray:
        now[0] += seconds
        asked.append(f"{name}{unit}")
        return np.full((2, 3), unit.fold + 1.0)

    return predict


@pytest.mark.parametrize(
    ("hours", "asked"),
    [
        (9.0, ["quick0", "slow0", "quick1", "slow1", "quick2", "slow2"]),
        (5.5, ["quick0", "slow0", "quick1", "slow1", "quick2"]),
        (3.5, ["quick0", "slow0", "quick1", "quick2"]),
        (2.0, ["quick0", "quick1", "quick2"]),
        (0.5, []),
    ],
)
def test_a_model_is_the_mean_of_the_folds_that_end_in_time(
    hours: float, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folds of half an hour and of an hour and a half, with ten minutes in reserve.

    A first fold is no exception, and a model without any has no mean.
    """
    now, found = [0.0], list[str]()
    monkeypatch.setattr(clocks.time, "time", lambda: now[0])
    clock = Clock(0.0, hours * 3600)
    seconds = {"slow": 5400.0, "quick": 1800.0}
    for name, expected in seconds.items():
        clock.expect(name, expected)
    models = {name: _timed(now, seconds[name], found, name) for name in seconds}
    predicted = predict_folds(models, dict.fromkeys(models, units(range(3), [])), clock)
    assert found == asked
    done = {name: sum(one.startswith(name) for one in asked) for name in seconds}
    assert predicted.done == done
    means = {name: [[(1 + count) / 2] * 3] * 2 for name, count in done.items() if count}
    assert {name: mean.tolist() for name, mean in predicted.means.items()} == means
    # A forecast follows the same rule, and tells the time that all would take.
    told = forecast(3000, seconds, dict.fromkeys(seconds, units(range(3), [])), 0.0, hours * 3600)
    assert (told.done, told.seconds) == (done, 21600.0)


@pytest.mark.parametrize(
    ("done", "line"),
    [
        ({"large": 5, "tiny": 5}, ""),
        ({"large": 2, "tiny": 5}, ", so it would predict with 2 of 5 folds of large"),
        ({"large": 0, "tiny": 3}, ", so it would predict without large, with 3 of 5 folds of tiny"),
    ],
)
def test_a_forecast_in_words(done: dict[str, int], line: str) -> None:
    told = Forecast(3000, dict.fromkeys(done, 5), 60.0, 33000.0, 32400.0, done)
    assert str(told) == f"3,000 essays take about 9 h 10 min of 9 h 00 min{line}"


@pytest.mark.parametrize(("before", "late"), [(31799.0, False), (31800.0, True)])
def test_without_models_a_forecast_is_late_all_the_same(before: float, late: bool) -> None:
    """Nine hours less ten minutes in reserve are 31,800 s."""
    told = forecast(3000, {}, {}, before, 9 * 3600.0)
    assert (told.done, told.seconds, told.late) == ({}, before, late)
    end = ", 8 h 50 min of it before any model: it would not end" if late else ""
    assert str(told) == f"3,000 essays take about 8 h 50 min of 9 h 00 min{end}"


def test_a_fold_s_time_is_that_of_its_loading_and_whole_steps() -> None:
    pace = Pace(load=10.0, step=2.0, per_step=8)
    assert [pace.fold(rows) for rows in (1, 8, 9, 80)] == [12.0, 12.0, 14.0, 30.0]


def test_a_step_is_filled_and_rows_are_counted(bundle: Path) -> None:
    """On the store of the training essays, by hand: a window as long as a row has one to itself."""
    tokens = read_tokens(paths.tokens(MODEL, "train"))
    longest = int(tokens.lengths.max())
    rows = Rows(per_step=97, length=longest, slots=1, pool=1000)
    windows = full_steps(tokens, replace(rows, slots=99), 1)
    assert len(tokens) < 97 <= len(windows)
    within = plan(tokens.lengths[windows], tokens.n_slots[windows], replace(rows, slots=99), None)
    assert len(within) == 97
    # Slots are raised to the fullest window's, which then may leave none for another.
    fullest = int(tokens.n_slots.max())
    packed = plan(tokens.lengths, tokens.n_slots, replace(rows, slots=fullest), None)
    assert count_rows(tokens, rows) == len(packed)
    told = json.loads((bundle / "workload.json").read_text())
    settings = load_configuration().read(f"models.{MODEL}.predict", Predict)
    n_rows = len(plan(tokens.lengths, tokens.n_slots, settings, None))
    assert told == {MODEL: {"essays": 24, "rows": n_rows}}


def test_the_clock_tells_what_is_left_of_the_session(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr(clocks.time, "time", lambda: now)
    clock = Clock(started=now)
    now += 3600.0
    clock.lap("read")
    now += 1200.0
    clock.lap("large", "large fold 0", ["small", "large", "small"])
    now += 60.0
    clock.lap("small", "small fold 0", ["large", "small"])
    assert clock.elapsed == 4860.0
    assert capsys.readouterr().out.splitlines() == [
        "read: 3600.0 s",
        "large fold 0: 1200.0 s; 3 folds to go in about 1 h 00 min, 7 h 40 min are left",
        "small fold 0: 60.0 s; 2 folds to go in about 21 min, 7 h 39 min are left",
    ]
    assert clock.allows("large")
    now = 1000.0 + 9 * 3600 - 600 - 1199
    assert not clock.allows("large")
    assert clock.allows("small")
