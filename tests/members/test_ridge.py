"""Ridge regressions against scikit-learn's, fitted anew without each essay."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from pipeline.members.ridge import fit_elements, fit_essays

RNG = np.random.default_rng(0)
ESSAYS = np.array([0, 2, 0, 1, 2, 2, 3, 0, 3, 4, 4, 1])


def _rows(n: int, columns: int) -> sparse.csr_matrix:
    dense = RNG.normal(size=(n, columns)) * (RNG.random((n, columns)) < 0.5)
    return sparse.csr_matrix(dense)


@pytest.mark.parametrize("ridge", [0.1, 3.0])
def test_an_essay_s_score_comes_from_the_others(ridge: float) -> None:
    matrix, targets = _rows(7, 11), RNG.normal(size=(7, 2))
    weights = np.array([1.0, 0.5, 2.0, 1.0, 1.5, 0.5, 0.5])
    found = fit_essays(matrix, targets, weights, ridge)
    intercept = np.average(targets, axis=0, weights=weights)
    np.testing.assert_allclose(found.intercept, intercept)

    def other(rows: np.ndarray) -> np.ndarray:
        peer = Ridge(alpha=ridge, fit_intercept=False)
        peer.fit(matrix[rows].toarray(), (targets - intercept)[rows], weights[rows])
        return peer.coef_.T

    np.testing.assert_allclose(found.coefficients, other(np.arange(7)), atol=1e-9)
    for i in range(7):
        expected = matrix[i].toarray() @ other(np.delete(np.arange(7), i)) + intercept
        np.testing.assert_allclose(found.left_out[[i]], expected, atol=1e-9)


def test_an_element_s_score_comes_from_other_essays() -> None:
    matrix, targets = _rows(len(ESSAYS), 5), RNG.normal(size=(len(ESSAYS), 2))
    found = fit_elements(matrix, targets, ESSAYS, 0.7)
    centred = targets - targets.mean(axis=0)

    def other(rows: np.ndarray) -> np.ndarray:
        peer = Ridge(alpha=0.7, fit_intercept=False)
        return peer.fit(matrix[rows].toarray(), centred[rows]).coef_.T

    np.testing.assert_allclose(found.coefficients, other(np.arange(len(ESSAYS))), atol=1e-9)
    for essay in range(5):
        own = np.equal(ESSAYS, essay)
        expected = matrix[own].toarray() @ other(np.flatnonzero(~own)) + found.intercept
        np.testing.assert_allclose(found.left_out[own], expected, atol=1e-9)


def test_a_row_without_words_is_borne() -> None:
    matrix = sparse.csr_matrix(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    targets = np.array([[3.0], [0.0], [0.0]])
    found = fit_elements(matrix, targets, np.array([0, 1, 1]), 1.0)
    # Left out or not, nothing but the mean is known of it.
    np.testing.assert_allclose(found.left_out[0], [1.0])
    np.testing.assert_allclose(found.intercept, [1.0])
