"""The competition's log loss, accuracy and calibration error (numpy only: training imports it)."""

import numpy as np
from jaxtyping import Float, Int

# The competition's: the dearest row costs 34.5.
CLIP = 1e-15
BINS = 15


def row_losses(
    labels: Int[np.ndarray, " rows"], probabilities: Float[np.ndarray, "rows labels"]
) -> Float[np.ndarray, " rows"]:
    """Return each row's log loss as Kaggle computes it: rescaled to sum to 1, then clipped.

    The order matters: a probability clipped first would be rescaled off the bound.

    Args:
      labels: the true classes.
      probabilities: not negative, any positive sum.

    Raises:
      ValueError: a label is none of the columns, or a row can't be rescaled.
    """
    sums = probabilities.sum(axis=1, keepdims=True)
    if not np.all(np.isfinite(sums) & (sums > 0.0)) or np.any(probabilities < 0.0):
        raise ValueError("expected finite probabilities, none negative, a positive sum in each row")
    if len(labels) and not 0 <= labels.min() <= labels.max() < probabilities.shape[1]:
        raise ValueError(f"expected labels below {probabilities.shape[1]}, found another")
    true = (probabilities / sums)[np.arange(len(labels)), labels]
    return -np.log(np.clip(true, CLIP, 1.0 - CLIP))


def log_loss(
    labels: Int[np.ndarray, " rows"], probabilities: Float[np.ndarray, "rows labels"]
) -> float:
    """Return the mean log loss as the competition computes it; see `row_losses`."""
    return float(row_losses(labels, probabilities).mean())


def accuracy(
    labels: Int[np.ndarray, " rows"], probabilities: Float[np.ndarray, "rows labels"]
) -> float:
    """Return the share of rows whose largest probability (the first of equals) is the truth."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def confidence_bins(
    probabilities: Float[np.ndarray, "rows labels"], bins: int = BINS
) -> Int[np.ndarray, " rows"]:
    """Return the bin of each row's largest probability: bin b is (b / bins, (b + 1) / bins]."""
    confidence = probabilities.max(axis=1)
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def calibration_error(
    labels: Int[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, "rows labels"],
    bins: int = BINS,
) -> float:
    """Expected calibration error of the top label (Guo et al. 2017, arXiv:1706.04599, eq. 3).

    Rows fall into `bins` equally wide bins by their largest probability; the error is the mean over
    bins, weighted by rows, of |accuracy - mean confidence|.
    """
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    # Rows times the gap of means is the sum of the rows' gaps, so bins need no division.
    gaps = np.bincount(
        confidence_bins(probabilities, bins),
        weights=right - probabilities.max(axis=1),
        minlength=bins,
    )
    return float(np.abs(gaps).sum() / len(labels))
