"""Figures of held-out predictions, with intervals in which essays are the unit."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from pipeline.evaluation.intervals import Bootstrap
from pipeline.metrics import log_loss, row_losses

DIGITS = 6

Rows = Float[np.ndarray, "rows labels"]

Interval = list[float]
"""The two bounds that hold a figure in 95 % of the draws of essays."""


class Judge:
    """Figures of predictions of the same elements."""

    def __init__(self, labels: Int[np.ndarray, " rows"], essays: Sequence[str]) -> None:
        self._labels, self._draws = labels, Bootstrap(essays)

    def loss(self, rows: Rows) -> float:
        """Return the log loss, rounded."""
        return round(log_loss(self._labels, rows), DIGITS)

    def interval(self, rows: Rows) -> Interval:
        """Return the interval of the log loss."""
        return self._interval(row_losses(self._labels, rows))

    def accuracy_interval(self, rows: Rows) -> Interval:
        """Return the interval of the accuracy."""
        return self._interval((rows.argmax(axis=1) == self._labels).astype(np.float64))

    def gain(self, rows: Rows, base: Rows) -> tuple[float, Interval]:
        """Return by how much the log loss is less than that of `base`, and a paired interval."""
        less = row_losses(self._labels, base) - row_losses(self._labels, rows)
        return round(float(less.mean()), DIGITS), self._interval(less)

    def _interval(self, values: Float[np.ndarray, " rows"]) -> Interval:
        return [round(bound, DIGITS) for bound in self._draws.interval(values)]
