"""Pools of members' probabilities: two means, and two pools whose weights are fitted.

Members' raw probabilities are `rows x members x labels`. A fitted pool is its `Weights` alone.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize, nnls
from scipy.special import log_softmax, softmax
from threadpoolctl import threadpool_limits

from pipeline.evaluation.calibration import FLOOR

Kind = Literal["simplex", "loglinear"]
# Digits of weights: rounded, they are the same on any machine, whatever its last bits.
_DIGITS = 6
_STEPS = 100  # ten or so are taken
_DAMPING = 1e-10  # keeps the curvature of members that are alike invertible


@dataclass(frozen=True)
class Weights:
    """A fitted pool: a weight for each member, a bias for each label (0 in a simplex pool)."""

    kind: Kind
    weights: Float[np.ndarray, " members"]
    bias: Float[np.ndarray, " labels"]


def arithmetic_mean(
    members: Float[np.ndarray, "rows members labels"],
) -> Float[np.ndarray, "rows labels"]:
    """Average probabilities."""
    return members.mean(axis=1)


def geometric_mean(
    members: Float[np.ndarray, "rows members labels"],
) -> Float[np.ndarray, "rows labels"]:
    """Average log probabilities, and rescale to sum to 1."""
    return softmax(logarithms(members).mean(axis=1), axis=1)


def fit(
    kind: Kind,
    members: Float[np.ndarray, "rows members labels"],
    labels: Int[np.ndarray, " rows"],
    ridge: float,
    drop: bool = False,
) -> Weights:
    """Fit a pool to the least log loss on the rows; only the log-linear pool has a `ridge`.

    With `drop` members that earn nothing have weight 0, as they mostly have in a simplex anyway.

    It runs on one thread: matrices are slim, and results must not depend on the number of cores.
    """
    with threadpool_limits(1):
        if kind == "simplex":
            # A mixture's loss depends on the members' probabilities of the true label alone.
            true = members[np.arange(len(labels)), :, labels]
            return Weights(kind, _rounded_simplex(fit_simplex(true)), np.zeros(members.shape[2]))
        fit_weights = fit_useful if drop else fit_loglinear
        weights, bias = fit_weights(logarithms(members), labels, ridge)
        return Weights(kind, weights.round(_DIGITS), bias.round(_DIGITS))


def pool(
    fitted: Weights, members: Float[np.ndarray, "rows members labels"]
) -> Float[np.ndarray, "rows labels"]:
    """Return the probabilities of a fitted pool."""
    if fitted.kind == "simplex":
        mixed = np.einsum("rml,m->rl", members, fitted.weights)
        return mixed / mixed.sum(axis=1, keepdims=True)
    logits = np.einsum("rml,m->rl", logarithms(members), fitted.weights)
    return softmax(logits + fitted.bias, axis=1)


def fit_simplex(true: Float[np.ndarray, "rows members"]) -> Float[np.ndarray, " members"]:
    """Fit weights, none negative, sum 1, to the least log loss of the mixture: a convex problem.

    Sequential quadratic programming as in mixsqp (Kim et al. 2020, arXiv:1806.01412): the sum's
    constraint becomes a term of the loss, each step is a non-negative least squares problem, and
    the end is certain: with g_m the mean over rows of p_m / mixture, no weights have a log loss
    that is lower by more than log(max g).

    Args:
      true: each member's probability of the row's own label.
    """
    floored, weights = np.maximum(true, FLOOR), np.full(true.shape[1], 1.0 / true.shape[1])
    for _ in range(_STEPS):
        goal = _quadratic_step(floored, weights)
        there = _descend(floored, weights, goal)
        # No step lowers the loss any more: differences drown in its last bits. The gap, which comes
        # from gradients, still tells which of the two is nearer.
        if there is weights:
            return min((weights, goal / goal.sum()), key=lambda w: simplex_gap(floored, w))
        weights = there
    return weights / weights.sum()


def simplex_gap(
    true: Float[np.ndarray, "rows members"], weights: Float[np.ndarray, " members"]
) -> float:
    """Bound the log loss that better weights could gain, by the log of the largest g_m."""
    return float(np.log((true / (true @ weights)[:, None]).mean(axis=0).max()))


def _quadratic_step(
    true: Float[np.ndarray, "rows members"], weights: Float[np.ndarray, " members"]
) -> Float[np.ndarray, " members"]:
    """Return the non-negative weights of the least quadratic model of the loss at `weights`."""
    ratios = true / (true @ weights)[:, None]
    gains = ratios.mean(axis=0)
    curvature = ratios.T @ ratios / len(true) + _DAMPING * np.eye(len(weights))
    # With curvature = root.T @ root the quadratic model is a squared distance, the kind of
    # problem that `nnls` solves over non-negative weights.
    root = np.linalg.cholesky(curvature).T
    return nnls(root, root @ weights + np.linalg.solve(root.T, gains - 1.0))[0]


def _descend(
    true: Float[np.ndarray, "rows members"],
    weights: Float[np.ndarray, " members"],
    goal: Float[np.ndarray, " members"],
) -> Float[np.ndarray, " members"]:
    """Take the first of the steps 1, 1/2, 1/4, ... to `goal` that lowers the loss, else none."""

    def loss(w: Float[np.ndarray, " members"]) -> float:
        # The sum of the weights takes the place of the constraint that it be 1. The floor keeps
        # a step that gives every member weight 0 finite.
        return float(w.sum() - np.log(np.maximum(true @ w, np.finfo(float).tiny)).mean())

    before = loss(weights)
    for halvings in range(30):
        there = weights + 0.5**halvings * (goal - weights)
        if loss(there) < before:
            return there
    return weights


def fit_loglinear(
    logs: Float[np.ndarray, "rows members labels"], labels: Int[np.ndarray, " rows"], ridge: float
) -> tuple[Float[np.ndarray, " members"], Float[np.ndarray, " labels"]]:
    """Fit weights of any sign and a bias for each label: softmax(sum of w_m log p_m + b).

    They minimise the mean log loss plus `ridge` times the squared distance from the plain geometric
    mean (equal weights, no bias). The problem is convex; Newton steps in a trust region reach the
    one optimum. Loss and ridge are both per row: one ridge means the same on few rows and on many.

    Args:
      logs: members' log probabilities.
      labels: the true classes.
      ridge: above 0 it keeps members that are alike, and the sum of the biases, determined.
    """
    theta = _LogLinear(logs, labels, ridge).solve()
    return theta[: logs.shape[1]], theta[logs.shape[1] :]


def fit_useful(
    logs: Float[np.ndarray, "rows members labels"], labels: Int[np.ndarray, " rows"], ridge: float
) -> tuple[Float[np.ndarray, " members"], Float[np.ndarray, " labels"]]:
    """Fit a log-linear pool of the members that earn their weight; the others get weight 0.

    Backwards: the member whose loss costs least is left out and the rest is fitted anew, as long as
    that costs less than a weight is expected to gain from noise alone. By Akaike's criterion that
    is a log loss of 1, summed over rows. What a loss costs is read off the curvature at the fit.

    Args:
      logs: members' log probabilities.
      labels: the true classes.
      ridge: as of `fit_loglinear`.
    """
    kept = np.arange(logs.shape[1])
    while True:
        problem = _LogLinear(logs[:, kept], labels, ridge)
        theta = problem.solve()
        weights, bias = theta[: len(kept)], theta[len(kept) :]
        variance = np.diag(np.linalg.pinv(problem.hessian(theta)))[: len(kept)]
        costs = len(labels) * weights**2 / (2.0 * np.maximum(variance, np.finfo(float).tiny))
        least = int(costs.argmin())
        if len(kept) == 1 or costs[least] >= 1.0:
            out = np.zeros(logs.shape[1])
            out[kept] = weights
            return out, bias
        kept = np.delete(kept, least)


class _LogLinear:
    """The loss of a log-linear pool as a function of its weights and biases."""

    # A mixture can only average. Here weights that sum to over 1 sharpen what members agree on,
    # a negative one takes out an error that members share, and a bias moves the share of a class,
    # which no weight can do for all rows alike.
    def __init__(
        self,
        logs: Float[np.ndarray, "rows members labels"],
        labels: Int[np.ndarray, " rows"],
        ridge: float,
    ) -> None:
        self._n, m, k = logs.shape
        self._start = np.concatenate([np.full(m, 1.0 / m), np.zeros(k)])
        self._design, self._labels, self._ridge = _design(logs), labels, ridge
        self._true = np.eye(k)[labels]

    def loss(self, theta: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        """Return the mean loss with its ridge, and the gradient."""
        logits = _logits(self._design, theta)
        errors = softmax(logits, axis=1) - self._true
        away = theta - self._start
        fit = -log_softmax(logits, axis=1)[np.arange(self._n), self._labels].mean()
        gradient = np.einsum("rl,lrp->p", errors, self._design, optimize=True) / self._n
        value = float(fit + self._ridge * away @ away)
        return value, gradient + 2.0 * self._ridge * away

    def hessian(self, theta: Float[np.ndarray, " p"]) -> Float[np.ndarray, "p p"]:
        """Return the curvature of the loss."""
        probabilities = softmax(_logits(self._design, theta), axis=1)
        total = np.zeros((len(theta), len(theta)))
        # Softmax's curvature is the covariance of the design over labels, summed over rows.
        mean = np.zeros(self._design.shape[1:])
        for rows, p in zip(self._design, probabilities.T, strict=True):
            weighted = rows * p[:, None]
            total += rows.T @ weighted
            mean += weighted
        return (total - mean.T @ mean) / self._n + 2.0 * self._ridge * np.eye(len(theta))

    def solve(self) -> Float[np.ndarray, " p"]:
        """Return the weights, then the biases, of the least loss."""
        options = {"gtol": 1e-7}
        found = minimize(
            self.loss,
            self._start,
            jac=True,
            hess=self.hessian,
            method="trust-exact",
            options=options,
        )
        theta = found.x
        # The trust region stops where differences of the loss drown in its last bits. The gradient
        # has bits left for two more steps.
        # Without a ridge the matrix is singular: a bias for all labels alike changes nothing.
        for _ in range(2):
            theta = theta - np.linalg.lstsq(self.hessian(theta), self.loss(theta)[1])[0]
        return theta


def logarithms(
    probabilities: Float[np.ndarray, "rows *members labels"],
) -> Float[np.ndarray, "rows *members labels"]:
    """Return log probabilities, from `FLOOR` up: a member's zero is no veto."""
    return np.log(np.maximum(probabilities, FLOOR))


def _design(
    logs: Float[np.ndarray, "rows members labels"],
) -> Float[np.ndarray, "labels rows members+labels"]:
    """Return the terms of each label's logit: members' logs, about their mean, and its bias."""
    # Softmax doesn't see what the logits of a row have in common. Left in, it would have to cancel
    # in the curvature, at the price of digits.
    n, _, k = logs.shape
    centred = (logs - logs.mean(axis=2, keepdims=True)).transpose(2, 0, 1)
    biases = np.broadcast_to(np.eye(k)[:, None, :], (k, n, k))
    return np.concatenate([centred, biases], axis=2)


def _logits(
    design: Float[np.ndarray, "labels rows p"], theta: Float[np.ndarray, " p"]
) -> Float[np.ndarray, "rows labels"]:
    return (design @ theta).T


def _rounded_simplex(weights: Float[np.ndarray, " members"]) -> Float[np.ndarray, " members"]:
    """Round weights; the largest takes up what is missing to 1."""
    out = weights.round(_DIGITS)
    largest = int(out.argmax())
    out[largest] = 0.0
    out[largest] = round(1.0 - float(out.sum()), _DIGITS)
    return out
