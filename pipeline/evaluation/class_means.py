"""Predictions scaled until their means are the training class shares."""

import numpy as np
from jaxtyping import Float, Int

from pipeline.evaluation.calibration import FLOOR

_ROUNDS = 1000  # a few dozen are taken
_NEAR = 1e-12


def class_shares(labels: Int[np.ndarray, " rows"], classes: int) -> Float[np.ndarray, " labels"]:
    """Return the share of each class; a class without rows has a small one."""
    return np.maximum(np.bincount(labels, minlength=classes) / len(labels), FLOOR)


def scaled(
    probabilities: Float[np.ndarray, "rows labels"], shares: Float[np.ndarray, " labels"]
) -> Float[np.ndarray, "rows labels"]:
    """Multiply each class by a factor of its own, so that the means of rows are `shares`.

    Rows still sum to 1: classes and rows are scaled in turn (Sinkhorn and Knopp 1967). It looks at
    all rows together, so a row's result depends on the others, and few rows have no use for it.
    """
    out = np.maximum(probabilities, FLOOR)
    for _ in range(_ROUNDS):
        out = out / out.sum(axis=1, keepdims=True)
        factors = shares / shares.sum() / out.mean(axis=0)
        if np.abs(factors - 1.0).max(initial=0.0) < _NEAR:
            break
        out = out * factors
    return out / out.sum(axis=1, keepdims=True)
