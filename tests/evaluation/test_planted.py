"""Comparisons of members whose true difference is known: verdicts, coverage, power."""

from dataclasses import dataclass

import numpy as np
import pytest
from jaxtyping import Float, Int
from scipy.special import log_softmax, ndtr, softmax

from pipeline.evaluation.comparison import Paired, interval, paired
from pipeline.metrics import row_losses

REPEATS = 400


@dataclass(frozen=True)
class Draw:
    """Elements of drawn essays; those of an essay lean to some labels, which no member sees."""

    essays: list[str]
    logits: Float[np.ndarray, "rows labels"]
    truth: Float[np.ndarray, "rows labels"]
    labels: Int[np.ndarray, " rows"]

    def member(self, sharpness: float) -> Float[np.ndarray, "rows labels"]:
        return softmax(sharpness * self.logits, axis=1)

    def compare(self, one: float, other: float) -> Paired:
        a, b = (row_losses(self.labels, self.member(s)) for s in (one, other))
        return paired(a - b, self.essays)


def draw(seed: int, n_essays: int) -> Draw:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 15, n_essays)
    essay = np.repeat(np.arange(n_essays), sizes)
    # The essay counts for members too, so that what sharpening costs differs from essay to essay.
    logits = rng.normal(size=(len(essay), 3)) + rng.normal(0.0, 1.0, (n_essays, 3))[essay]
    truth = softmax(logits + rng.normal(0.0, 1.2, (n_essays, 3))[essay], axis=1)
    labels = (rng.random((len(essay), 1)) > truth.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return Draw([str(e) for e in essay], logits, truth, labels)


def planted(one: float, other: float) -> float:
    """The difference of the two members in the limit of many essays, labels summed over."""
    many = draw(0, 60_000)
    logs = [log_softmax(s * many.logits, axis=1) for s in (one, other)]
    return float((many.truth * (logs[1] - logs[0])).sum(axis=1).mean())


def test_verdicts_on_a_planted_difference():
    many = draw(1, 3000)
    true = planted(0.9, 1.3)
    found = many.compare(0.9, 1.3)
    assert found.verdict == "better"
    assert found.low < true < found.high
    assert many.compare(1.3, 0.9).verdict == "worse"
    assert many.compare(0.9, 0.9).verdict == "the same predictions"
    # Too few essays can't see a smaller one, and say so.
    few = [draw(seed, 20).compare(0.9, 0.95) for seed in range(100)]
    assert min(one.smallest for one in few) > abs(planted(0.9, 0.95))
    assert sum(one.verdict == "undecided" for one in few) > 75


@pytest.mark.parametrize("n_essays", [60, 400])
def test_the_interval_holds_the_planted_difference_as_often_as_it_says(n_essays: int):
    """Over seeded repeats; an interval that takes elements for independent ones holds it less."""
    true = planted(0.9, 1.3)
    held = naive = 0
    for seed in range(REPEATS):
        drawn = draw(1000 + seed, n_essays)
        found = drawn.compare(0.9, 1.3)
        held += found.low < true < found.high
        alone = [str(i) for i in range(len(drawn.essays))]
        by_element = Draw(alone, drawn.logits, drawn.truth, drawn.labels).compare(0.9, 1.3)
        naive += by_element.low < true < by_element.high
    # 0.95 less and more three standard deviations of such a share, 0.011 each.
    assert 0.917 < held / REPEATS < 0.983
    assert naive / REPEATS < 0.917


def test_power_is_what_the_head_says():
    """A difference of so many standard errors is decided as often as normal theory has it."""
    true = planted(0.9, 1.15)
    found = [draw(5000 + seed, 250).compare(0.9, 1.15) for seed in range(REPEATS)]
    decided = np.mean([one.verdict != "undecided" for one in found])
    error = np.sqrt(np.mean([one.error**2 for one in found]))
    assert decided == pytest.approx(ndtr(abs(true) / error - 1.96), abs=0.06)
    smallest = float(np.mean([one.smallest for one in found]))
    assert smallest == pytest.approx((1.96 + 0.84) * error, rel=0.02)


def test_a_bootstrap_over_essays_agrees():
    drawn = draw(2, 300)
    losses = row_losses(drawn.labels, drawn.member(0.9))
    differences = losses - row_losses(drawn.labels, drawn.member(1.3))
    index = np.unique(drawn.essays, return_inverse=True)[1]
    rng = np.random.default_rng(3)
    for values, (low, high) in (
        (losses, interval(losses, drawn.essays)),
        (differences, (lambda p: (p.low, p.high))(paired(differences, drawn.essays))),
    ):
        sums, sizes = np.bincount(index, weights=values), np.bincount(index)
        picks = rng.integers(0, len(sizes), (4000, len(sizes)))
        means = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
        ends = np.quantile(means, [0.025, 0.975])
        assert (low, high) == pytest.approx(tuple(ends), abs=0.1 * (high - low))
