"""Pools: means, the simplex, the log-linear pool; against scipy and by their own properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax
from scipy.special import softmax as scipy_softmax

from pipeline.evaluation import pools
from pipeline.metrics import log_loss

pytestmark = pytest.mark.golden

KINDS = ["simplex", "loglinear"]


def draw(seed: int, n: int = 300, m: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and members of different skill that share part of their noise."""
    rng = np.random.default_rng(seed)
    signal, shared = rng.normal(size=(n, 3)), rng.normal(size=(n, 3))
    true = scipy_softmax(1.5 * signal, axis=1)
    labels = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    members = [
        scipy_softmax(skill * signal + 0.5 * shared + rng.normal(size=(n, 3)), axis=1)
        for skill in rng.uniform(0.3, 1.5, m)
    ]
    return labels, np.stack(members, axis=1)


def test_means_by_hand() -> None:
    members = np.array([[[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]])
    np.testing.assert_allclose(pools.arithmetic_mean(members), [[0.4, 0.3, 0.3]])
    roots = np.sqrt([0.12, 0.09, 0.05])
    np.testing.assert_allclose(pools.geometric_mean(members), [roots / roots.sum()])


def test_pools_by_hand() -> None:
    members = np.array([[[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]])
    simplex = pools.Weights("simplex", np.array([0.25, 0.75]), np.zeros(3))
    np.testing.assert_allclose(pools.pool(simplex, members), [[0.5, 0.3, 0.2]])
    bias = np.log([1.0, 2.0, 1.0])
    loglinear = pools.Weights("loglinear", np.array([2.0, -1.0]), bias)
    powers = np.array([0.04 / 0.6, 2 * 0.09 / 0.3, 0.25 / 0.1])
    np.testing.assert_allclose(pools.pool(loglinear, members), [powers / powers.sum()])


def test_the_simplex_fit_agrees_with_scipys_general_solver() -> None:
    labels, members = draw(1, m=6)
    true = members[np.arange(len(labels)), :, labels]
    found = pools.fit_simplex(true)
    expected = minimize(
        lambda w: -np.log(true @ w).mean(),
        np.full(6, 1 / 6),
        jac=lambda w: -(true / (true @ w)[:, None]).mean(axis=0),
        method="SLSQP",
        bounds=[(0, 1)] * 6,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert -np.log(true @ found).mean() <= expected.fun + 1e-12
    np.testing.assert_allclose(found, expected.x, atol=1e-4)
    assert pools.simplex_gap(true, found) < 1e-9
    assert pools.simplex_gap(true, np.full(6, 1 / 6)) > 1e-3


def test_the_simplex_of_two_by_hand() -> None:
    # Two members, each right on half of the rows: as much of each. The first right on three
    # quarters: the derivative of 0.75 log(0.1 + 0.7 w) + 0.25 log(0.8 - 0.7 w) is zero.
    even = np.array([[0.8, 0.1], [0.1, 0.8]])
    np.testing.assert_allclose(pools.fit_simplex(even), [0.5, 0.5], atol=1e-9)
    w = pools.fit_simplex(np.array([[0.8, 0.1]] * 3 + [[0.1, 0.8]]))[0]
    assert 0.75 * 0.7 / (0.7 * w + 0.1) == pytest.approx(0.25 * 0.7 / (0.8 - 0.7 * w), rel=1e-9)


def test_the_log_linear_fit_agrees_with_scipys_general_solver() -> None:
    labels, members = draw(2)
    ridge, n = 0.5, len(labels)
    logs = np.log(members)

    def objective(theta: np.ndarray) -> float:
        logits = np.einsum("rml,m->rl", logs, theta[:4]) + theta[4:]
        fit = -log_softmax(logits, axis=1)[np.arange(n), labels].sum()
        return fit + ridge * ((theta[:4] - 0.25) ** 2).sum() + ridge * (theta[4:] ** 2).sum()

    start = np.r_[np.full(4, 0.25), np.zeros(3)]
    expected = minimize(objective, start, method="BFGS", options={"gtol": 1e-6}).x
    weights, bias = pools.fit_loglinear(logs, labels, ridge / n)
    np.testing.assert_allclose(np.r_[weights, bias], expected, atol=1e-5)
    assert bias.sum() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("spread", [1.0, 0.01])
def test_the_log_linear_fit_is_exact_where_members_are_almost_alike(spread: float) -> None:
    labels, members = draw(7, 400, 5)
    logs = np.log(members[:, :1] ** (1 - spread) * members**spread)
    weights, bias = pools.fit_loglinear(logs, labels, 1e-3 / 400)
    errors = scipy_softmax(np.einsum("rml,m->rl", logs, weights) + bias, axis=1)
    errors[np.arange(400), labels] -= 1.0
    slope = np.einsum("rl,rml->m", errors, logs) + 2e-3 * (weights - 0.2)
    np.testing.assert_allclose(slope, 0.0, atol=1e-9)
    np.testing.assert_allclose(errors.sum(axis=0) + 2e-3 * bias, 0.0, atol=1e-9)


def test_the_log_linear_pool_finds_the_weights_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40_000, 2, 3))
    made = 1.4 * logits[:, 0] - 0.4 * logits[:, 1] + np.array([0.5, -0.2, -0.3])
    draws = rng.random((40_000, 1))
    labels = (scipy_softmax(made, axis=1).cumsum(axis=1) > draws).argmax(axis=1)
    fitted = pools.fit("loglinear", scipy_softmax(logits, axis=2), labels, 1e-7)
    np.testing.assert_allclose(fitted.weights, [1.4, -0.4], atol=0.04)
    np.testing.assert_allclose(fitted.bias, [0.5, -0.2, -0.3], atol=0.04)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_fitted_pools_are_no_worse_than_what_they_contain(seed: int, m: int) -> None:
    labels, members = draw(seed, 120, m)
    simplex = pools.fit("simplex", members, labels, 0.0)
    assert (simplex.weights >= 0).all()
    assert simplex.weights.sum() == pytest.approx(1.0, abs=1e-12)
    mixed = log_loss(labels, pools.pool(simplex, members))
    alone = [log_loss(labels, members[:, i]) for i in range(m)]
    assert mixed <= min(*alone, log_loss(labels, pools.arithmetic_mean(members))) + 1e-9
    loglinear = pools.fit("loglinear", members, labels, 1e-3)
    pooled = log_loss(labels, pools.pool(loglinear, members))
    assert pooled <= log_loss(labels, pools.geometric_mean(members)) + 1e-9


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_a_mean_or_simplex_of_one_member_repeated_is_that_member(seed: int, m: int) -> None:
    labels, members = draw(seed, 60, 1)
    same = np.repeat(members, m, axis=1)
    expected = members[:, 0]
    simplex = pools.fit("simplex", same, labels, 0.0)
    for rows in (
        pools.arithmetic_mean(same), pools.geometric_mean(same), pools.pool(simplex, same)
    ):  # fmt: skip
        np.testing.assert_allclose(rows, expected, rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_members_that_are_alike_share_one_members_weight(seed: int, m: int) -> None:
    labels, members = draw(seed, 100, 1)
    one = pools.fit("loglinear", members, labels, 1e-6)
    many = pools.fit("loglinear", np.repeat(members, m, axis=1), labels, 1e-6)
    np.testing.assert_allclose(many.weights, one.weights[0] / m, atol=1e-4)
    np.testing.assert_allclose(many.bias, one.bias, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_members_does_not_matter(kind: pools.Kind) -> None:
    labels, members = draw(3)
    order = [2, 0, 3, 1]
    one = pools.fit(kind, members, labels, 1e-3)
    two = pools.fit(kind, members[:, order], labels, 1e-3)
    np.testing.assert_allclose(two.weights, one.weights[order], atol=2e-6)


def test_the_ridge_draws_towards_the_geometric_mean() -> None:
    labels, members = draw(4)
    fitted = pools.fit("loglinear", members, labels, 1e9)
    np.testing.assert_allclose(fitted.weights, 0.25, atol=1e-5)
    np.testing.assert_allclose(fitted.bias, 0.0, atol=1e-5)


def test_the_ridge_is_the_same_on_more_rows_of_a_kind() -> None:
    labels, members = draw(4)
    one = pools.fit("loglinear", members, labels, 0.05)
    ten = pools.fit("loglinear", np.tile(members, (10, 1, 1)), np.tile(labels, 10), 0.05)
    np.testing.assert_allclose(ten.weights, one.weights, atol=2e-6)
    free = pools.fit("loglinear", members, labels, 0.0)
    assert np.abs(free.weights - one.weights).max() > 0.01


def test_a_pool_that_drops_keeps_what_the_labels_were_made_of() -> None:
    """Two members make the labels, one repeats the first with noise, and one is noise alone."""
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(20_000, 4, 3))
    made = 1.2 * logits[:, 0] + 0.6 * logits[:, 1]
    labels = (scipy_softmax(made, axis=1).cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    logits[:, 2] = logits[:, 0] + 0.5 * logits[:, 2]
    members = scipy_softmax(logits, axis=2)
    fitted = pools.fit("loglinear", members, labels, 1e-7, drop=True)
    assert fitted.weights.tolist()[2:] == [0.0, 0.0]
    kept = pools.fit("loglinear", members[:, :2], labels, 1e-7)
    np.testing.assert_array_equal(fitted.weights[:2], kept.weights)
    np.testing.assert_array_equal(fitted.bias, kept.bias)
    alone = pools.fit("loglinear", members[:, 3:], labels, 1e-7, drop=True)
    assert alone.weights[0] != 0.0, "the last one stays"


@pytest.mark.parametrize("kind", KINDS)
def test_hard_zeros_and_ones_are_stood(kind: pools.Kind) -> None:
    labels, members = draw(5)
    members[:, 0] = np.eye(3)[(labels + (np.arange(len(labels)) % 3 == 0)) % 3]
    rows = pools.pool(pools.fit(kind, members, labels, 1e-3), members)
    assert np.isfinite(rows).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1.0)
    assert log_loss(labels, rows) < log_loss(labels, pools.arithmetic_mean(members))


@pytest.mark.parametrize("kind", KINDS)
def test_fifty_members_at_once_and_weights_have_six_decimals(kind: pools.Kind) -> None:
    labels, members = draw(6, 6000, 50)
    fitted = pools.fit(kind, members, labels, 1e-3)
    np.testing.assert_array_equal(fitted.weights, fitted.weights.round(6))
    best = min(log_loss(labels, members[:, i]) for i in range(50))
    assert log_loss(labels, pools.pool(fitted, members)) < best
