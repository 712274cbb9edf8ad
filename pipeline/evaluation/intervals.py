"""Intervals of means over elements, by a seeded bootstrap in which essays are the unit."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

_DRAWS = 1000
_SEED = 0
_LEVEL = 0.95


class Bootstrap:
    """Draws of essays with replacement; all means over the same elements share them."""

    def __init__(self, essays: Sequence[str]) -> None:
        """Draw as many essays as there are, time and again; `essays` are of each element.

        The draws depend on the essays' ids alone, not on the order of rows.
        """
        self._index = np.unique(np.asarray(essays, str), return_inverse=True)[1]
        count = int(self._index.max(initial=-1)) + 1
        rng = np.random.default_rng(_SEED)
        self._times = rng.multinomial(count, np.full(count, 1.0 / count), _DRAWS).astype(float)
        self._sizes = self._times @ np.bincount(self._index)

    def interval(self, values: Float[np.ndarray, " rows"]) -> tuple[float, float]:
        """Return the bounds that hold the mean of an element's value in 95 % of the draws.

        Values may be differences of two predictions' losses: the interval is a paired one then.
        """
        means = self._times @ np.bincount(self._index, weights=values) / self._sizes
        low, high = np.quantile(means, [(1.0 - _LEVEL) / 2, (1.0 + _LEVEL) / 2])
        return float(low), float(high)
