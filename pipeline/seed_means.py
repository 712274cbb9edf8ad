"""Means over the seeds that a fold was trained under."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float

from pipeline.units import Unit, by_fold

Rows = Float[np.ndarray, "rows labels"]


def seed_means(
    trained: Sequence[Unit], probabilities: Callable[[Unit], Rows]
) -> Iterator[tuple[int, Rows]]:
    """Yield each fold with its mean over the seeds; under one seed that is the table itself.

    Args:
      trained: the units; folds come in their order.
      probabilities: of a unit; asked for one after another.
    """
    for fold, seeded in by_fold(trained).items():
        # Sums of floats depend on their order, so the seeds are added in theirs.
        total = probabilities(seeded[0])
        for unit in seeded[1:]:
            total = total + probabilities(unit)
        yield fold, total / len(seeded)
