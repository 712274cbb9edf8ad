"""Ridge regression of essays and elements, and its scores of what it was fitted to.

A score of a training row by a fit that has seen the row's label flatters, and what learns from such
scores trusts them too much. So each training essay's scores come from a fit to all other essays: in
closed form, without fitting again. Only the targets' mean is that of all.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from pipeline.members.regression import Matrix


class Ridge(NamedTuple):
    """A fit, and its scores of the rows that it was fitted to.

    Attributes:
      coefficients: of each column.
      intercept: the mean of the targets.
      left_out: of each row, by a fit to the rows of other essays alone.
    """

    coefficients: Float[np.ndarray, "columns targets"]
    intercept: Float[np.ndarray, " targets"]
    left_out: Float[np.ndarray, "rows targets"]


def fit_essays(
    matrix: Matrix,
    targets: Float[np.ndarray, "essays targets"],
    weights: Float[np.ndarray, " essays"],
    ridge: float,
) -> Ridge:
    """Fit a row for each essay, by a kernel of them: quick where there are fewer than columns.

    Args:
      matrix: of the essays.
      targets: of the essays.
      weights: of the essays' squared errors, of mean 1.
      ridge: the penalty, above 0.
    """
    # With a weight's root on both sides the weighted fit is a plain one.
    root = np.sqrt(weights)[:, None]
    intercept = np.average(targets, axis=0, weights=weights)
    kernel = root * _dense(matrix @ matrix.T) * root.T
    kernel[np.diag_indices_from(kernel)] += ridge
    inverse = np.linalg.inv(kernel)
    dual = inverse @ (root * (targets - intercept))
    error = dual / np.diag(inverse)[:, None] / root
    return Ridge(np.asarray(matrix.T @ (root * dual)), intercept, targets - error)


def fit_elements(
    matrix: Matrix,
    targets: Float[np.ndarray, "elements targets"],
    essays: Int[np.ndarray, " elements"],
    ridge: float,
) -> Ridge:
    """Fit a row for each element, of which there are more than columns.

    Args:
      matrix: of the elements.
      targets: of the elements.
      essays: the number of each element's essay; an essay is left out whole.
      ridge: the penalty, above 0.
    """
    intercept = targets.mean(axis=0)
    gram = _dense(matrix.T @ matrix)
    gram[np.diag_indices_from(gram)] += ridge
    factor = cho_factor(gram, overwrite_a=True)
    coefficients = cho_solve(factor, matrix.T @ (targets - intercept))
    inverse = cho_solve(factor, np.eye(len(gram)))
    errors = targets - intercept - matrix @ coefficients
    for rows in _groups(essays):
        leverage = _leverage(matrix[rows], inverse)
        errors[rows] = np.linalg.solve(np.eye(len(rows)) - leverage, errors[rows])
    return Ridge(coefficients, intercept, targets - errors)


def _leverage(
    own: Matrix, inverse: Float[np.ndarray, "columns columns"]
) -> Float[np.ndarray, "rows rows"]:
    """Weigh the pull of rows on their own fit."""
    if isinstance(own, np.ndarray):
        return own @ inverse @ own.T
    # Of a few rows most columns are zero.
    used = np.unique(own.indices)
    dense = own[:, used].toarray()
    return dense @ inverse[np.ix_(used, used)] @ dense.T


def _dense(matrix: Matrix | sparse.csc_matrix) -> np.ndarray:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def _groups(numbers: Int[np.ndarray, " rows"]) -> list[Int[np.ndarray, " some"]]:
    """List the rows of each number."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
