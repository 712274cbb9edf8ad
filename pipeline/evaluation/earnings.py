"""The worth of each member to a pool, with its interval."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from pipeline import params
from pipeline.evaluation.blending import Members, Rows, pooled
from pipeline.evaluation.judging import Interval, Judge


def earned(
    settings: params.Ensemble,
    names: Sequence[str],
    members: Members,
    labels: Int[np.ndarray, " rows"],
    split: Int[np.ndarray, " rows"],
    judge: Judge,
) -> dict[str, tuple[float, Interval]]:
    """Tell each member's worth: how much the pool's nested log loss rises without it.

    Both pools are fitted anew without the essays that they are judged on, and neither drops a
    member of its own. A member that repeats another earns nothing, and nor does the other.

    Returns:
      By name the rise, above 0 where the member helps, and its paired interval.
    """
    if len(names) < 2:
        return {}

    def held(some: Members) -> Rows:
        return pooled(settings.pool, some, labels, split, settings.ridge).held

    whole = held(members)
    without = (held(np.delete(members, m, axis=1)) for m in range(len(names)))
    return {name: judge.gain(whole, rows) for name, rows in zip(names, without, strict=True)}
