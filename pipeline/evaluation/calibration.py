"""Temperature and reliability: reported, never applied to a prediction.

The log-linear pool's weights scale each member's logits already, as a temperature would.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from pipeline.evaluation.nesting import nested, nested_split
from pipeline.metrics import BINS, confidence_bins, log_loss

# Below it the logarithm of one probability would be one row's bet against all others.
FLOOR = 1e-6
_BOUNDS = (-4.0, 4.0)  # of the temperature's logarithm
_FOLDS, _SEED = 5, 0  # of the nested loop


@dataclass(frozen=True)
class Temperature:
    """One temperature on log probabilities (Guo et al. 2017, arXiv:1706.04599)."""

    fitted: float  # on all rows; above 1 means that the model is too sure
    nested_log_loss: float  # each essay by a temperature fitted on the others


def cool(
    probabilities: Float[np.ndarray, "rows labels"], temperature: float
) -> Float[np.ndarray, "rows labels"]:
    """Softmax of the log probabilities divided by `temperature`."""
    return softmax(np.log(np.maximum(probabilities, FLOOR)) / temperature, axis=1)


def fit_temperature(
    labels: Int[np.ndarray, " rows"], probabilities: Float[np.ndarray, "rows labels"]
) -> float:
    """Fit the temperature of the least log loss, which is convex in the inverse temperature."""

    def loss(log_temperature: float) -> float:
        return log_loss(labels, cool(probabilities, float(np.exp(log_temperature))))

    # Over the logarithm, so that no step leads to a temperature below zero.
    found = minimize_scalar(loss, bounds=_BOUNDS, method="bounded", options={"xatol": 1e-7})
    return float(np.exp(found.x))


def temperature(
    labels: Int[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, "rows labels"],
    essays: Sequence[str],
) -> Temperature:
    """Fit a temperature on all rows and, for the figure that counts, nested by essay."""
    # On the rows that it was fitted on, a temperature can only look better than none.
    split = nested_split(essays, min(_FOLDS, len(set(essays))), _SEED)
    held, _ = nested(
        lambda rows: fit_temperature(labels[rows], probabilities[rows]),
        lambda fitted, rows: cool(probabilities[rows], fitted),
        split,
    )
    return Temperature(fit_temperature(labels, probabilities), log_loss(labels, held))


def reliability(
    labels: Int[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, "rows labels"],
    bins: int = BINS,
) -> list[tuple[int, float, float, int]]:
    """Return the reliability curve: bin, mean confidence, accuracy and rows of each used bin."""
    which = confidence_bins(probabilities, bins)
    right = probabilities.argmax(axis=1) == labels
    confidence = probabilities.max(axis=1)
    return [
        (int(b), float(confidence[m].mean()), float(right[m].mean()), int(m.sum()))
        for b in np.unique(which)
        for m in [which == b]
    ]
