"""Vectors of elements and essays from a frozen encoder, and affine maps of them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from pipeline.inference.element_means import Means

Wide = Float[np.ndarray, "rows width"]
Row = Float[np.ndarray, " width"]


class Vectors(NamedTuple):
    """The mean hidden state of each element's tokens, and of all tokens of an essay's elements.

    An essay is NaN where one of its elements is.
    """

    elements: Float[np.ndarray, "elements width"]
    essays: Float[np.ndarray, "essays width"]


def vectors(means: Means, essay: Int[np.ndarray, " elements"]) -> Vectors:
    """Average elements' means by essay, each as often as it has tokens.

    Args:
      means: of the elements.
      essay: the number of each element's essay.
    """
    sums = np.zeros((essay.max(initial=-1) + 1, means.values.shape[1]))
    np.add.at(sums, essay, means.values * means.tokens[:, None])
    tokens = np.bincount(essay, means.tokens, len(sums))[:, None]
    essays = np.where(tokens > 0, sums / np.maximum(tokens, 1.0), np.nan)
    return Vectors(means.values, essays)


class Affine(NamedTuple):
    """A product with a matrix, and a sum."""

    matrix: Float[np.ndarray, "width columns"]
    offset: Float[np.ndarray, " columns"]

    def of(self, rows: Wide) -> Float[np.ndarray, "rows columns"]:
        """Map rows."""
        return rows @ self.matrix + self.offset

    def after(
        self, mean: Float[np.ndarray, " width"], scale: Float[np.ndarray, " width"]
    ) -> "Affine":
        """Return the map of rows whose columns it takes with `mean` off and by `scale`."""
        matrix = self.matrix / scale[:, None]
        return Affine(matrix, self.offset - mean @ matrix)


def standardised(
    rows: Wide,
) -> tuple[Wide, Float[np.ndarray, " width"], Float[np.ndarray, " width"]]:
    """Bring columns to mean 0 and deviation 1; return them with the former means and deviations."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    return (rows - mean) / scale, mean, scale


def principal(rows: Wide, components: int) -> Affine:
    """Fit the map to the strongest directions of rows, each at its own deviation."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    # Of rising strength.
    _, directions = np.linalg.eigh(centred.T @ centred)
    matrix = np.ascontiguousarray(directions[:, ::-1][:, :components])
    return Affine(matrix, -mean @ matrix)
