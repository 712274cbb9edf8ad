"""Scores of essays and elements: what they are fitted to, and the regression that reads them.

A score tells how far an element's labels lie from the shares of its type, as one ridge regression
or another sees it in a text.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline.competition.schema import LABELS
from pipeline.members.features import Measures, neighbours

_STEPS = 2000  # of L-BFGS at most; about 150 are taken
_WIDEST = 5.0  # deviations from the mean, beyond which a line over a number is a guess
# Of all labels the scores sum to zero, so one says nothing new.
_SCORES = len(LABELS) - 1

Scores = Float[np.ndarray, "rows scores"]


class EssayTargets(NamedTuple):
    """Targets of essays.

    Attributes:
      essays: the numbers of those that have elements.
      means: of the targets of their elements.
      weights: of their squared errors, of mean 1.
    """

    essays: Int[np.ndarray, " essays"]
    means: Float[np.ndarray, "essays scores"]
    weights: Float[np.ndarray, " essays"]


def beyond_type(
    measured: Measures,
    labels: Int[np.ndarray, " elements"],
    rows: Bool[np.ndarray, " elements"],
) -> Float[np.ndarray, "elements scores"]:
    """Return what is left of the labels without their shares among the training rows by type."""
    onehot, kind = np.eye(len(LABELS))[labels][:, :_SCORES], measured.kinds
    shares = kind[rows].T @ onehot[rows] / np.maximum(kind[rows].sum(axis=0), 1.0)[:, None]
    return onehot - kind @ shares


def essay_targets(
    essay: Int[np.ndarray, " elements"], targets: Float[np.ndarray, "elements scores"]
) -> EssayTargets:
    """Average targets by essay."""
    counts = np.bincount(essay)
    there = np.flatnonzero(counts)
    sums = np.zeros((len(counts), targets.shape[1]))
    np.add.at(sums, essay, targets)
    # The labels of an essay's elements are alike: many of them tell less than as many essays.
    weights = np.sqrt(counts[there])
    return EssayTargets(there, sums[there] / counts[there, None], weights / weights.mean())


def numbers_and_scores(
    measured: Measures,
    essays: Float[np.ndarray, "essays scores"],
    elements: Float[np.ndarray, "elements scores"],
) -> Float[np.ndarray, "elements numbers"]:
    """Put an element's numbers beside the scores of its essay, itself and its neighbours."""
    around = neighbours(measured.essay, elements)
    return np.concatenate([measured.numbers, essays[measured.essay], elements, around], axis=1)


def fit_classifier(
    measured: Measures,
    values: Float[np.ndarray, "elements numbers"],
    labels: Int[np.ndarray, " elements"],
    rows: Bool[np.ndarray, " elements"],
    inverse: float,
) -> tuple[StandardScaler, LogisticRegression, Float[np.ndarray, "elements columns"]]:
    """Fit a logistic regression to the numbers and scores of the elements of `rows`.

    Args:
      measured: of all elements.
      values: from `numbers_and_scores`; a training essay's scores come from others.
      labels: of all elements.
      rows: to fit to.
      inverse: strength of the penalty, `C`.

    Returns:
      The scaler, the regression, and the columns of all elements.
    """
    scaler = StandardScaler().fit(values[rows])
    classifier = LogisticRegression(C=inverse, max_iter=_STEPS)
    matrix = columns(measured, scaler, values)
    classifier.fit(matrix[rows], labels[rows])
    return scaler, classifier, matrix


def columns(
    measured: Measures, scaler: StandardScaler, values: Float[np.ndarray, "elements numbers"]
) -> Float[np.ndarray, "elements columns"]:
    """Make columns of type, scaled numbers, and scaled numbers by type."""
    kind = measured.kinds
    scaled = np.clip(np.asarray(scaler.transform(values)), -_WIDEST, _WIDEST)
    by_kind = (kind[:, :, None] * scaled[:, None, :]).reshape(len(kind), -1)
    return np.concatenate([kind, scaled, by_kind], axis=1)
