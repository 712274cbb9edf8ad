"""The nested split, the temperature, the reliability curve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from pipeline.errors import UserError
from pipeline.evaluation.calibration import cool, fit_temperature, reliability, temperature
from pipeline.evaluation.nesting import nested, nested_split
from pipeline.metrics import log_loss


@given(st.lists(st.sampled_from("abcdefghij"), min_size=10, max_size=80), st.integers(0, 99))
def test_no_essay_is_split_and_parts_are_even(essays: list[str], seed: int) -> None:
    names = sorted(set(essays))
    n_folds = min(3, len(names))
    split = nested_split(essays, n_folds, seed)
    parts = [{part for e, part in zip(essays, split, strict=True) if e == n} for n in names]
    assert all(len(part) == 1 for part in parts)
    sizes = np.bincount([part.pop() for part in parts], minlength=n_folds)
    assert sizes.max() - sizes.min() <= 1


def test_the_split_depends_on_the_seed_and_not_on_the_rows_order() -> None:
    essays = [f"e{i // 3}" for i in range(60)]
    split = nested_split(essays, 5, 1)
    assert (nested_split(essays[::-1], 5, 1) == split[::-1]).all()
    assert (nested_split(essays, 5, 2) != split).any()


def test_more_folds_than_essays_are_refused() -> None:
    with pytest.raises(UserError, match=r"ensemble\.nested_folds: expected at most 2"):
        nested_split(["a", "b", "b"], 3, 0)


def test_nested_fits_on_the_other_parts_only() -> None:
    seen: list[list[int]] = []

    def fit(rows: np.ndarray) -> float:
        seen.append(np.flatnonzero(rows).tolist())
        return float(len(seen))

    split = np.array([1, 0, 1, 0])
    out, fits = nested(fit, lambda f, rows: np.full((int(rows.sum()), 3), f), split)
    assert seen == [[0, 2], [1, 3]]
    assert fits == [1.0, 2.0]
    assert out[:, 0].tolist() == [2.0, 1.0, 2.0, 1.0]


def sharpened(by: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from a softmax, and that softmax sharpened."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, 3))
    true = softmax(logits, axis=1)
    labels = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return labels, softmax(by * logits, axis=1)


@pytest.mark.parametrize("by", [0.5, 1.0, 2.0])
def test_the_temperature_undoes_a_sharpening(by: float) -> None:
    labels, rows = sharpened(by)
    found = fit_temperature(labels, rows)
    assert found == pytest.approx(by, rel=0.06)
    best = log_loss(labels, cool(rows, found))
    assert all(best <= log_loss(labels, cool(rows, found * f)) for f in (0.99, 1.01))


def test_cooling_is_the_softmax_of_logits_over_the_temperature() -> None:
    logits = np.random.default_rng(1).normal(size=(5, 3))
    np.testing.assert_allclose(
        cool(softmax(logits, axis=1), 1.7), softmax(logits / 1.7, axis=1), rtol=1e-12
    )


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 99))
def test_the_nested_figure_never_uses_an_essays_own_labels(essay: int) -> None:
    labels, rows = sharpened(2.0, 400)
    essays = [f"e{i // 4}" for i in range(400)]
    own = np.array(essays) == f"e{essay}"
    split = nested_split(essays, 5, 0)

    def held(labels: np.ndarray) -> np.ndarray:
        fit = lambda r: fit_temperature(labels[r], rows[r])  # noqa: E731
        return nested(fit, lambda f, r: cool(rows[r], f), split)[0]

    other = np.where(own, (labels + 1) % 3, labels)
    part = split == split[own][0]
    np.testing.assert_array_equal(held(labels)[part], held(other)[part])
    assert (held(labels)[~part] != held(other)[~part]).any()


def test_a_temperature_fitted_nested_gains_on_a_sharpened_model() -> None:
    labels, rows = sharpened(2.0)
    found = temperature(labels, rows, [f"e{i // 8}" for i in range(len(labels))])
    assert found.nested_log_loss < log_loss(labels, rows) - 0.05
    assert found.nested_log_loss >= log_loss(labels, cool(rows, found.fitted))


def test_reliability_by_hand() -> None:
    rows = np.array([[0.6, 0.2, 0.2], [0.25, 0.55, 0.2], [0.05, 0.05, 0.9]])
    curve = reliability(np.array([0, 0, 0]), rows, ["a", "b", "b"], 10)
    assert [(one.number, one.count) for one in curve] == [(5, 2), (8, 1)]
    means = [[one.confidence, one.accuracy] for one in curve]
    np.testing.assert_allclose(means, [[0.575, 0.5], [0.9, 0.0]])
    # Two essays, one right: one half, less and more 12.7 standard errors of one half.
    assert (curve[0].low, curve[0].high) == (0.0, 1.0)
    assert (curve[1].low, curve[1].high) == (None, None)


def test_a_bin_s_interval_is_that_of_its_share_by_essay() -> None:
    rows = np.tile([[0.6, 0.2, 0.2]], (40, 1))
    labels = np.array([0, 0, 0, 1] * 10)
    (one,) = reliability(labels, rows, [f"e{i}" for i in range(40)])
    # 0.75 less and more t(39) = 2.0227 times sqrt(0.75 * 0.25 / 39).
    np.testing.assert_allclose([one.low, one.high], [0.609756, 0.890244], atol=1e-5)
