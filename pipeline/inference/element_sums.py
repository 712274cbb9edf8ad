"""Token-logit sums of elements over the rows of a plan, from which their mean logits come."""

import numpy as np
from jaxtyping import Bool, Float, Int


class ElementSums:
    """Sums and counts of the rows that are in, in float64.

    Attributes:
      rows: the number of them, from the plan's first on.
    """

    def __init__(self, elements: int, labels: int) -> None:
        """Begin with no row."""
        self.rows = 0
        self._logits = np.zeros((elements, labels))
        self._counts = np.zeros(elements)

    def add(
        self,
        element: Int[np.ndarray, "rows slots"],
        logits: Float[np.ndarray, "rows slots labels"],
        counts: Float[np.ndarray, "rows slots"],
    ) -> None:
        """Add the next rows.

        Args:
          element: of each slot, -1 where a slot is not used.
          logits: sum over a slot's tokens.
          counts: a slot's tokens.
        """
        used = element >= 0
        np.add.at(self._logits, element[used], logits[used].astype(np.float64))
        np.add.at(self._counts, element[used], counts[used])
        self.rows += len(element)

    @property
    def seen(self) -> Bool[np.ndarray, "elements"]:
        """The elements that have a token in the rows, as a mask."""
        return self._counts > 0

    def means(self) -> Float[np.ndarray, "elements labels"]:
        """Return each element's mean over its tokens; NaN where it has none."""
        counts = self._counts[:, None]
        return np.where(counts > 0, self._logits / np.maximum(counts, 1.0), np.nan)
