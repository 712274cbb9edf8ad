"""Learning curves: kept with the checkpoints, one tidy table at the end."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.files import atomic_file

COLUMNS = ("step", "epoch", "series", "loss")
GRADIENT = "gradient"
"""The series of the gradient's global norm before clipping; `loss` has the norm there."""
_POINTS = 200  # of the training curve, however many steps there are


class Validation(NamedTuple):
    """The figures of an evaluation on what is held out; not every run has an accuracy."""

    loss: float
    accuracy: float | None = None


class History:
    """Losses of a run. `points` and `pending` go into checkpoints, so a resumed curve is whole.

    The training curve has the mean loss of every `1 / 200` of the run, and the gradient's its mean
    norm before clipping.
    """

    def __init__(self, total: int, saved: dict[str, Any] | None = None) -> None:
        """Go on from `saved` (what `state` returned), or begin a run of `total` steps."""
        self._every = max(1, total // _POINTS)
        self.points: list[list[Any]] = list(saved["points"]) if saved else []
        self._pending: list[list[float]] = list(saved["pending"]) if saved else []

    def state(self) -> dict[str, Any]:
        """Copy what a checkpoint has to hold; it is written while training goes on."""
        return {"points": [list(point) for point in self.points], "pending": [*self._pending]}

    def train(self, step: int, epoch: float, loss: float, norm: float) -> None:
        """Note the loss of one step, and the norm of its gradient."""
        self._pending.append([loss, norm])
        if len(self._pending) == self._every:
            losses, norms = zip(*self._pending, strict=True)
            self._add(step, epoch, "train", sum(losses) / len(losses))
            self._add(step, epoch, GRADIENT, sum(norms) / len(norms))
            self._pending.clear()

    def validation(self, step: int, epoch: float, found: Validation) -> None:
        """Note the figures of what is held out."""
        self._add(step, epoch, "validation", found.loss)
        if found.accuracy is not None:
            self._add(step, epoch, "accuracy", found.accuracy)

    def _add(self, step: int, epoch: float, series: str, loss: float) -> None:
        self.points.append([step, round(epoch, 4), series, round(loss, 6)])


def write_history(path: Path, points: Iterable[Iterable[Any]]) -> None:
    """Write the tidy table: step, epoch, series (train, validation or gradient), loss."""
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(points)
