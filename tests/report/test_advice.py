"""Rules: each fires on a planted run, and is silent on a good one."""

import numpy as np
import pytest

from pipeline.metrics import row_losses
from pipeline.report import advice
from pipeline.report.curves import End
from pipeline.tables.elements import Elements
from tests.evaluation.project import predict


def elements(essays: int = 300) -> Elements:
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(essays), 4)
    return Elements(
        [f"{i}" for i in range(len(of))],
        [f"e{essay}" for essay in of],
        ["Claim"] * len(of),
        rng.choice(3, len(of), p=[0.2, 0.5, 0.3]),
        of % 3,
    )


@pytest.mark.parametrize(("held_out", "fires"), [(0.69, False), (0.75, True)])
def test_gap(held_out: float, fires: bool):
    good = End(training={"0": 0.62, "1": 0.64}, held_out={"0": 0.66, "1": 0.68})
    found = advice.gap(
        {"good": good, "m": End({"0": 0.60, "1": 0.62}, {"0": held_out, "1": held_out})}
    )
    assert found is not None
    assert found.fires == fires
    assert found.found == f"m: +{held_out - 0.61:.4f}, the widest of 2 models"


def test_a_run_without_models_has_no_gap():
    assert advice.gap({}) is None


def test_temperature():
    silent = advice.temperature({"a": (0.7, 0.698, 1.05), "b": (0.8, 0.801, 0.98)})
    assert not silent.fires
    assert silent.found == "a: +0.0020 at temperature 1.05, the most of 2 predictions"
    hot = advice.temperature({"a": (0.7, 0.698, 1.05), "b": (0.8, 0.77, 1.6)})
    assert hot.fires
    assert hot.found.startswith("b: +0.0300 at temperature 1.60")
    assert "too sure" in hot.action
    assert "not sure enough" in advice.temperature({"b": (0.8, 0.77, 0.6)}).action


def test_a_fold_out_of_line():
    some = elements()
    rows = predict(some, 1)
    good = advice.fold(some, row_losses(some.labels, rows))
    assert good is not None
    assert not good.fires
    # One fold's model learnt nothing.
    rows[some.folds == 1] = [0.2, 0.5, 0.3]
    planted = advice.fold(some, row_losses(some.labels, rows))
    assert planted is not None
    assert planted.fires
    assert planted.found.startswith("fold 1: +")


def test_a_fold_of_few_essays_needs_more_to_be_out_of_line():
    """By the interval of its essays, not by a fixed number: the same losses, fewer of them."""
    some = elements(15)
    losses = np.where(some.folds == 1, 1.0, 0.8) + np.random.default_rng(0).normal(size=60) * 0.5
    many = elements()
    more = np.where(many.folds == 1, 1.0, 0.8) + np.random.default_rng(0).normal(size=1200) * 0.5
    few, enough = advice.fold(some, losses), advice.fold(many, more)
    assert few is not None
    assert enough is not None
    assert (few.fires, enough.fires) == (False, True)


def test_one_fold_alone_is_in_line():
    some = elements().of_folds([1])
    assert advice.fold(some, np.ones(len(some))) is None


def test_a_member_that_earns_nothing():
    def earned(low: float) -> dict[str, dict[str, object]]:
        return {
            "a": {"gain": 0.02, "interval": [0.01, 0.03]},
            "b": {"gain": 0.001, "interval": [low, 0.002]},
        }

    silent, fired = advice.idle(earned(0.0005)), advice.idle(earned(-0.0005))
    assert silent is not None
    assert fired is not None
    assert not silent.fires
    assert fired.fires
    assert fired.found == "b: at least -0.0005, the least of 2 members"
    assert "without b." in fired.action
    assert advice.idle({}) is None


def test_there_are_four_at_most():
    rules = {advice.gap, advice.temperature, advice.fold, advice.idle}
    public = {value for name, value in vars(advice).items() if getattr(value, "__module__", "") ==
              advice.__name__ and callable(value) and not name.startswith("_")}  # fmt: skip
    assert public - {advice.Advice} == rules
