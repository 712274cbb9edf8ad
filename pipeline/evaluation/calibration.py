"""Temperature and reliability: reported, never applied to a prediction.

The log-linear pool's weights scale each member's logits already, as a temperature would.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from pipeline.evaluation.comparison import interval
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


@dataclass(frozen=True)
class Bin:
    """A bin of the reliability curve.

    Attributes:
      number: its place, from 0.
      confidence: the mean of its rows' largest probabilities.
      accuracy: the share of them that is right.
      low, high: the interval that holds this share at 95 %, by essay; None of one essay alone.
      count: its rows.
    """

    number: int
    confidence: float
    accuracy: float
    low: float | None
    high: float | None
    count: int


def reliability(
    labels: Int[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, "rows labels"],
    essays: Sequence[str],
    bins: int = BINS,
) -> list[Bin]:
    """Return the used bins of the reliability curve; `essays` are of each row."""
    which, of = confidence_bins(probabilities, bins), np.asarray(essays)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    confidence = probabilities.max(axis=1)
    found = []
    for number in np.unique(which).tolist():
        own = which == number
        low, high = None, None
        if len(set(of[own])) > 1:
            below, above = interval(right[own], of[own].tolist())
            low, high = max(below, 0.0), min(above, 1.0)
        mean, share = float(confidence[own].mean()), float(right[own].mean())
        found.append(Bin(number, mean, share, low, high, int(own.sum())))
    return found
