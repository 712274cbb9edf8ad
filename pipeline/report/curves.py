"""Learning curves of a model's folds: mean, band, and the learning rate over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.params import Optimizer
from pipeline.report.run import Point
from pipeline.units import NO_FOLD, Unit

_POINTS = 80  # of a curve, however many steps there are

Curve = Float[np.ndarray, " points"]


@dataclass(frozen=True)
class Band:
    """Losses over epochs: the folds' mean, and the lowest and the highest fold."""

    epoch: Curve
    mean: Curve
    low: Curve
    high: Curve


@dataclass(frozen=True)
class End:
    """The losses in which a model's folds end, by fold.

    Attributes:
      training: the mean over the last epoch, dropout on.
      held_out: the last one.
    """

    training: Mapping[str, float]
    held_out: Mapping[str, float]

    @property
    def gap(self) -> float:
        """The mean over folds of the held-out loss less that in training."""
        return float(np.mean([self.held_out[fold] - self.training[fold] for fold in self.held_out]))


def band(points: Sequence[Point], series: str) -> Band | None:
    """Lay the folds' curves over each other; None where there are no such points.

    Folds end after unlike numbers of steps, so each is read off at the same epochs, between its
    points by a straight line.

    Args:
      points: of one model; a full fit's don't count, for it has no held-out essays.
      series: train, validation or gradient.
    """
    own = _by_unit(points, series)
    if not own:
        return None
    first = max(each[0].epoch for each in own.values())
    last = min(each[-1].epoch for each in own.values())
    counts = [len(each) for each in own.values()]
    epoch = np.linspace(first, last, min(_POINTS, *counts) if len(counts) > 1 else counts[0])
    losses = np.array(
        [np.interp(epoch, [p.epoch for p in each], [p.loss for p in each]) for each in own.values()]
    )
    return Band(epoch, losses.mean(axis=0), losses.min(axis=0), losses.max(axis=0))


def end(points: Sequence[Point]) -> End | None:
    """Read off where the folds end; None where no fold has both curves."""
    training, held_out = _by_unit(points, "train"), _by_unit(points, "validation")
    both = [unit for unit in held_out if unit in training]
    if not both:
        return None
    return End(
        training={unit: _last_epoch(training[unit]) for unit in both},
        held_out={unit: held_out[unit][-1].loss for unit in both},
    )


def shares(options: Optimizer, total: int, count: int = _POINTS) -> tuple[Curve, Curve]:
    """Return places in a run, from 0 to 1, and the share of the peak rate there.

    Training has the same in JAX (`pipeline/training/optimizer.py`), which a page needs not load.

    Args:
      options: the schedule.
      total: steps of the run.
      count: at most this many places.
    """
    step = np.unique(np.linspace(0, total - 1, min(count, total)).round())
    warmup = np.round(options.warmup * total)
    up = (step + 1) / max(warmup, 1.0)
    left = (total - step) / max(total - warmup, 1.0)
    down = left if options.schedule == "linear" else 0.5 * (1.0 - np.cos(np.pi * left))
    return step / total, np.where(step < warmup, up, np.clip(down, 0.0, 1.0))


def _last_epoch(points: Sequence[Point]) -> float:
    last = points[-1].epoch
    return float(np.mean([p.loss for p in points if p.epoch > last - 1.0]))


def _by_unit(points: Sequence[Point], series: str) -> dict[str, list[Point]]:
    full = str(Unit(NO_FOLD))
    found: dict[str, list[Point]] = {}
    for point in points:
        if point.series == series and not point.unit.startswith(full):
            found.setdefault(point.unit, []).append(point)
    return found
