"""Sums of elements' tokens over the rows of a plan, from which their means come."""

import numpy as np
from jaxtyping import Float, Int


class ElementSums:
    """Sums and counts of the rows that are in, in float64.

    Attributes:
      rows: the number of them, from the plan's first on.
      counts: the tokens of each element.
    """

    def __init__(self, elements: int, width: int) -> None:
        """Begin with no row."""
        self.rows = 0
        self._sums = np.zeros((elements, width))
        self.counts = np.zeros(elements)

    def add(
        self,
        element: Int[np.ndarray, "rows slots"],
        sums: Float[np.ndarray, "rows slots width"],
        counts: Float[np.ndarray, "rows slots"],
    ) -> None:
        """Add the next rows.

        Args:
          element: of each slot, -1 where a slot is not used.
          sums: over a slot's tokens.
          counts: a slot's tokens.
        """
        used = element >= 0
        np.add.at(self._sums, element[used], sums[used].astype(np.float64))
        np.add.at(self.counts, element[used], counts[used])
        self.rows += len(element)

    def means(self) -> Float[np.ndarray, "elements width"]:
        """Return each element's mean over its tokens; NaN where it has none."""
        counts = self.counts[:, None]
        return np.where(counts > 0, self._sums / np.maximum(counts, 1.0), np.nan)
