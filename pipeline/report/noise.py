"""Labels that may be wrong, by confident learning (Northcutt et al. 2021, arXiv:1911.00068)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pipeline.report.run import Rows


@dataclass(frozen=True)
class Suspects:
    """Elements whose label held-out predictions contradict.

    Attributes:
      rows: of the elements, the most extreme first.
      instead: the label that each one seems to have.
      thresholds: each label's mean self-confidence.
      joint: counts, by the given label and the one that it seems to be.
    """

    rows: Int[np.ndarray, " suspects"]
    instead: Int[np.ndarray, " suspects"]
    thresholds: Float[np.ndarray, " labels"]
    joint: Int[np.ndarray, "labels labels"]


def suspects(labels: Int[np.ndarray, " rows"], probabilities: Rows) -> Suspects:
    """Find the elements off the diagonal of the confident joint (section 3.1, equation 1).

    A label's threshold is the mean probability that it gets where it is given. An element counts
    for the likeliest of the labels whose thresholds it reaches, if it reaches any. Where that is
    another label than the given one, whose own threshold it misses, the label is suspect; the
    larger the gap between the two probabilities, the more so (section 3.2, the normalized margin).

    Args:
      labels: as given.
      probabilities: of predictions that never saw the element.
    """
    count = probabilities.shape[1]
    given = probabilities[np.arange(len(labels)), labels]
    thresholds = np.array(
        [given[labels == j].mean() if (labels == j).any() else np.inf for j in range(count)]
    )
    reached = probabilities >= thresholds
    confident = np.where(reached, probabilities, -1.0).argmax(axis=1)
    counted = reached.any(axis=1)
    joint = np.zeros((count, count), np.int64)
    np.add.at(joint, (labels[counted], confident[counted]), 1)
    wrong = counted & (confident != labels) & (given < thresholds[labels])
    margin = probabilities[np.arange(len(labels)), confident] - given
    rows = np.flatnonzero(wrong)
    # Stable, so that equal margins keep the table's order.
    rows = rows[np.argsort(-margin[rows], kind="stable")]
    return Suspects(rows, confident[rows], thresholds, joint)
