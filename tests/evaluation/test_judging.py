"""Intervals by a bootstrap over essays, and predictions scaled to class shares."""

import numpy as np
import pytest

from pipeline.evaluation.class_means import class_shares, scaled
from pipeline.evaluation.comparison import paired
from pipeline.evaluation.judging import Judge
from pipeline.metrics import row_losses


def _drawn(essays: int = 400) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Elements whose losses have a part of their essay in common."""
    rng = np.random.default_rng(2)
    ids = [f"e{e}" for e in range(essays) for _ in range(1 + e % 5)]
    labels = rng.integers(0, 3, len(ids))
    level = np.repeat(rng.normal(size=essays), [1 + e % 5 for e in range(essays)])
    logits = rng.normal(size=(len(ids), 3))
    logits[np.arange(len(ids)), labels] += 1.0 + level
    powers = np.exp(logits)
    return ids, labels, powers / powers.sum(axis=1, keepdims=True)


def test_the_bootstrap_agrees_with_the_clustered_interval() -> None:
    """Miller's and Student's, which is written down without a draw."""
    ids, labels, rows = _drawn()
    low, high = Judge(labels, ids).interval(rows)
    expected = paired(row_losses(labels, rows), ids)
    width = expected.high - expected.low
    assert low == pytest.approx(expected.low, abs=0.1 * width)
    assert high == pytest.approx(expected.high, abs=0.1 * width)
    naive = 2 * 1.96 * row_losses(labels, rows).std() / np.sqrt(len(ids))
    assert high - low > 1.2 * naive, "elements of an essay are alike"


def test_a_gain_is_paired_and_its_sign_is_that_of_less_loss() -> None:
    ids, labels, rows = _drawn()
    judge = Judge(labels, ids)
    worse = 0.99 * rows + 0.01 / 3
    gain, (low, high) = judge.gain(rows, worse)
    mean = (row_losses(labels, worse) - row_losses(labels, rows)).mean()
    assert gain == round(mean, 6)
    assert low < gain < high
    whole = judge.interval(rows)
    assert high - low < 0.1 * (whole[1] - whole[0])
    assert judge.gain(rows, rows) == (0.0, [0.0, 0.0])


def test_one_essay_has_an_interval_of_no_width() -> None:
    found = Judge(np.array([0, 1]), ["a", "a"]).interval(np.full((2, 3), 1 / 3))
    assert found == [round(np.log(3), 6)] * 2


def test_scaled_predictions_have_the_shares_for_means() -> None:
    _, labels, rows = _drawn()
    shares = np.array([0.2, 0.5, 0.3])
    out = scaled(rows, shares)
    np.testing.assert_allclose(out.mean(axis=0), shares, atol=1e-9)
    np.testing.assert_allclose(out.sum(axis=1), 1.0)
    # One factor for each class: ratios between classes change alike in all rows.
    odds = (out[:, 0] / out[:, 1]) / (rows[:, 0] / rows[:, 1])
    np.testing.assert_allclose(odds, odds[0], rtol=1e-6)
    np.testing.assert_allclose(class_shares(np.array([0, 0, 1, 2]), 3), [0.5, 0.25, 0.25])
    hard = scaled(np.eye(3)[labels], shares)
    assert np.isfinite(hard).all()
