"""The scaler and the logistic regression at the end of every kind of baseline."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline.competition.schema import LABELS

Matrix = sparse.csr_matrix | np.ndarray
"""A row for each element, a column for each of its features."""


def probabilities(
    classifier: LogisticRegression, matrix: Matrix
) -> Float[np.ndarray, "elements labels"]:
    """Predict probabilities; zero for a label that the training essays don't have."""
    found = classifier.predict_proba(matrix)
    out = np.zeros((len(found), len(LABELS)))
    out[:, classifier.classes_] = found
    return out


def stored(scaler: StandardScaler, classifier: LogisticRegression) -> dict[str, np.ndarray]:
    """Return all that was fitted."""
    return {
        "mean": np.asarray(scaler.mean_),
        "scale": np.asarray(scaler.scale_),
        "coefficients": np.asarray(classifier.coef_),
        "intercepts": np.asarray(classifier.intercept_),
        "labels": np.asarray(classifier.classes_),
    }


def rebuilt(arrays: Mapping[str, np.ndarray]) -> tuple[StandardScaler, LogisticRegression]:
    """Put fitted attributes, by the names that scikit-learn documents, into new estimators."""
    scaler, classifier = StandardScaler(), LogisticRegression()
    scaler.mean_, scaler.scale_ = arrays["mean"], arrays["scale"]
    classifier.coef_, classifier.intercept_ = arrays["coefficients"], arrays["intercepts"]
    classifier.classes_ = arrays["labels"]
    return scaler, classifier
