"""The difference of two predictions of the same elements, with its interval by essay."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from pipeline.errors import UserError

_LEVEL = 0.95


@dataclass(frozen=True)
class Paired:
    """A mean difference over elements, and the interval that holds it at 95 %."""

    difference: float
    low: float
    high: float


def paired(differences: Float[np.ndarray, " rows"], essays: Sequence[str]) -> Paired:
    """Return the mean of paired differences, with an interval in which essays are the unit.

    Elements of an essay are alike, so each counts for less than one of an essay of its own. With D
    the mean over all N elements, and in each of E essays n elements whose differences sum to S,

        variance = E / (E - 1) * sum of (S - n D)² over essays / N²

    and the interval is D -+ t * sqrt(variance), t being Student's with E - 1 degrees of freedom.
    That is the clustered standard error of a paired difference of Miller 2024 (arXiv:2411.00640,
    sections 2.2 and 4.2), with the factor and the t of Cameron and Miller 2015 (J. Human Resources
    50(2), section VI) for a count of clusters that is not large.

    Args:
      differences: of each element, one prediction's log loss less the other's.
      essays: of each element.

    Raises:
      UserError: there is one essay only.
    """
    index = np.unique(np.asarray(essays), return_inverse=True)[1]
    sizes = np.bincount(index)
    if len(sizes) < 2:
        raise UserError("one essay has no interval, expected two or more")
    mean = float(differences.mean())
    residuals = np.bincount(index, weights=differences) - sizes * mean
    factor = len(sizes) / (len(sizes) - 1)
    error = np.sqrt(factor * np.sum(residuals**2)) / len(differences)
    half = float(stdtrit(len(sizes) - 1, (1.0 + _LEVEL) / 2) * error)
    return Paired(mean, mean - half, mean + half)
