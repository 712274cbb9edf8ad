"""Log loss as the competition computes it, accuracy, calibration error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from pipeline.metrics import (
    accuracy,
    calibration_error,
    confidence_bins,
    log_loss,
    row_losses,
)

pytestmark = pytest.mark.golden


def random_rows(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 3, n), rng.dirichlet(np.ones(3), n)


def test_log_loss_by_hand() -> None:
    labels = np.array([0, 2])
    rows = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    np.testing.assert_allclose(row_losses(labels, rows), [0.6931471805599453, 0.2231435513142097])
    assert log_loss(labels, rows) == pytest.approx(0.4581453659370775)


def test_rows_are_rescaled_first_and_clipped_then() -> None:
    # Rescaled, then clipped: 0 / 2 -> 1e-15. Clipped first it would be 1e-15 / 2.
    losses = row_losses(np.array([0, 1]), np.array([[0.0, 2.0, 0.0], [0.0, 2.0, 0.0]]))
    np.testing.assert_allclose(losses, [-np.log(1e-15), -np.log(1 - 1e-15)], rtol=1e-12)
    # 2 is 1 after rescaling, not before: (2, 2, 4) is (1/4, 1/4, 1/2).
    assert log_loss(np.array([2]), np.array([[2.0, 2.0, 4.0]])) == pytest.approx(np.log(2))


@given(st.integers(0, 10_000))
def test_log_loss_and_accuracy_agree_with_scikit_learn(seed: int) -> None:
    labels, rows = random_rows(seed, 40)
    expected = sklearn_metrics.log_loss(labels, rows, labels=[0, 1, 2])
    assert log_loss(labels, rows) == pytest.approx(expected, rel=1e-12)
    assert accuracy(labels, rows) == sklearn_metrics.accuracy_score(labels, rows.argmax(axis=1))


@given(st.integers(0, 10_000), st.floats(1e-3, 1e3))
def test_log_loss_does_not_see_the_scale_of_a_row(seed: int, scale: float) -> None:
    labels, rows = random_rows(seed, 20)
    scales = np.linspace(scale, 1.0, 20)[:, None]
    assert log_loss(labels, rows * scales) == pytest.approx(log_loss(labels, rows), rel=1e-9)


@pytest.mark.parametrize("row", [[0.0, 0.0, 0.0], [np.nan, 1.0, 0.0], [-0.5, 1.0, 0.5]])
def test_a_row_that_cannot_be_rescaled_is_refused(row: list[float]) -> None:
    with pytest.raises(ValueError, match="positive sum"):
        log_loss(np.array([0]), np.array([row]))


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_of_no_column_is_refused(label: int) -> None:
    with pytest.raises(ValueError, match="labels below 3"):
        log_loss(np.array([label]), np.full((1, 3), 1 / 3))


def test_bins_are_open_below_and_closed_above() -> None:
    rows = np.array([[0.4, 0.3, 0.3], [0.5, 0.25, 0.25], [0.6, 0.2, 0.2], [1.0, 0.0, 0.0]])
    assert confidence_bins(rows, 10).tolist() == [3, 4, 5, 9]


def test_calibration_error_by_hand() -> None:
    # Ten bins. (0.5, 0.6]: confidences 0.6, 0.55, one of two right: |0.5 - 0.575| = 0.075, 2 rows.
    # (0.8, 0.9]: confidence 0.9, wrong: 0.9, 1 row. (2 * 0.075 + 0.9) / 3 = 0.35.
    rows = np.array([[0.6, 0.2, 0.2], [0.25, 0.55, 0.2], [0.05, 0.05, 0.9]])
    assert calibration_error(np.array([0, 0, 0]), rows, 10) == pytest.approx(0.35)


def test_calibration_error_agrees_with_scikit_learns_curve() -> None:
    labels, rows = random_rows(3, 2000)
    right, confidence = rows.argmax(axis=1) == labels, rows.max(axis=1)
    accuracies, confidences = sklearn_metrics_curve(right, confidence)
    counts = np.histogram(confidence, np.linspace(0, 1, 16))[0]
    expected = np.abs(accuracies - confidences) @ counts[counts > 0] / len(labels)
    assert calibration_error(labels, rows) == pytest.approx(expected, rel=1e-9)


def sklearn_metrics_curve(
    right: np.ndarray, confidence: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.calibration import calibration_curve

    return calibration_curve(right, confidence, n_bins=15)


def test_sure_and_right_has_no_calibration_error() -> None:
    assert calibration_error(np.array([0, 1, 2]), np.eye(3)) == 0.0
    assert calibration_error(np.array([1, 2, 0]), np.eye(3)) == 1.0
