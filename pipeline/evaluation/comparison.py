"""A mean over elements, or the difference of two, with its interval by essay and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from pipeline.errors import UserError

_LEVEL = 0.95
POWER = 0.80
"""The chance that a comparison has to see the smallest difference that it can see."""

Verdict = Literal["better", "worse", "undecided", "the same predictions"]


@dataclass(frozen=True)
class Paired:
    """A mean difference over elements, and the interval that holds it at 95 %.

    Attributes:
      difference: one prediction's log loss less the other's; below zero the one is better.
      low, high: the ends of the interval.
      error: the standard error, essays being the unit.
      smallest: the true difference that such a comparison tells from nothing four times in five.
    """

    difference: float
    low: float
    high: float
    error: float
    smallest: float

    @property
    def verdict(self) -> Verdict:
        """What the interval says of the one prediction; one that holds zero decides nothing."""
        if self.error == 0.0 and self.difference == 0.0:
            return "the same predictions"
        if self.high < 0.0:
            return "better"
        return "worse" if self.low > 0.0 else "undecided"


def paired(differences: Float[np.ndarray, " rows"], essays: Sequence[str]) -> Paired:
    """Return the mean of paired differences, with an interval in which essays are the unit.

    Elements of an essay are alike, so each counts for less than one of an essay of its own. With D
    the mean over all N elements, and in each of E essays n elements whose differences sum to S,

        variance = E / (E - 1) * sum of (S - n D)² over essays / N²

    and the interval is D -+ t * sqrt(variance), t being Student's with E - 1 degrees of freedom.
    That is the clustered standard error of a paired difference of Miller 2024 (arXiv:2411.00640,
    sections 2.2 and 4.2), with the factor and the t of Cameron and Miller 2015 (J. Human Resources
    50(2), section VI) for a count of clusters that is not large. A bootstrap over essays gives the
    same interval and costs draws; this one is worked out by hand, and wider where essays are few.

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
    freedom = len(sizes) - 1
    factor = len(sizes) / freedom
    error = float(np.sqrt(factor * np.sum(residuals**2)) / len(differences))
    wide, sure = stdtrit(freedom, (1.0 + _LEVEL) / 2), stdtrit(freedom, POWER)
    half = float(wide * error)
    return Paired(mean, mean - half, mean + half, error, float((wide + sure) * error))


def interval(losses: Float[np.ndarray, " rows"], essays: Sequence[str]) -> tuple[float, float]:
    """Return the interval that holds the mean of one prediction's losses at 95 %, by essay.

    It says how far the figure may be chance of the essays; two such intervals that overlap say
    nothing of a difference, since both share their essays. `paired` does.

    Args:
      losses: of each element.
      essays: of each element.

    Raises:
      UserError: there is one essay only.
    """
    found = paired(losses, essays)
    return found.low, found.high
