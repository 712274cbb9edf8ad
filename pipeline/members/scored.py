"""The baseline on scores: ridge regressions read the texts, a logistic regression reads them.

One ridge regression scores the whole essay, another the element's own text, both by how far an
element's labels lie from the shares of its type. The logistic regression takes their scores, those
of the neighbours in the essay, the baseline's numbers and the essay's make-up.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline import params
from pipeline.members.features import Texts, measures
from pipeline.members.regression import Matrix, probabilities, rebuilt, stored
from pipeline.members.ridge import Ridge, fit_elements, fit_essays
from pipeline.members.scores import (
    Scores,
    beyond_type,
    columns,
    essay_targets,
    fit_classifier,
    numbers_and_scores,
)
from pipeline.members.words import stored_words, vectorizer, words_of

_LEVELS = ("essay", "element")


@dataclass(frozen=True)
class Scorer:
    """A fitted ridge regression from a text to scores."""

    words: TfidfVectorizer
    coefficients: Float[np.ndarray, "words scores"]
    intercept: Float[np.ndarray, " scores"]

    def scores(self, texts: list[str]) -> Scores:
        """Score texts that the regression has not seen."""
        return np.asarray(self.words.transform(texts) @ self.coefficients + self.intercept)


@dataclass(frozen=True)
class Scored:
    """One fold's model; it stands alone, so that it can predict essays that it has never seen."""

    essay: Scorer
    element: Scorer
    scaler: StandardScaler
    classifier: LogisticRegression

    def matrix(self, texts: Texts) -> Float[np.ndarray, "elements columns"]:
        """Make a row for each element of essays that are not among the training ones."""
        essay, element = self.essay.scores(texts.essays), self.element.scores(texts.elements)
        measured = measures(texts)
        return columns(measured, self.scaler, numbers_and_scores(measured, essay, element))

    def predict(self, matrix: Matrix) -> Float[np.ndarray, "elements labels"]:
        """Predict probabilities; zero for a label that the training essays don't have."""
        return probabilities(self.classifier, matrix)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was fitted."""
        out = {}
        for level, scorer in zip(_LEVELS, (self.essay, self.element), strict=True):
            out |= {
                f"{level}_words": stored_words(scorer.words),
                f"{level}_idf": np.asarray(scorer.words.idf_),
                f"{level}_coefficients": scorer.coefficients,
                f"{level}_intercept": scorer.intercept,
            }
        ngrams = np.array(self.essay.words.ngram_range[1])
        return out | {"ngrams": ngrams, **stored(self.scaler, self.classifier)}


def of_arrays(arrays: Mapping[str, np.ndarray]) -> Scored:
    """Rebuild the model of `Scored.arrays`."""
    essay, element = (_scorer(arrays, level) for level in _LEVELS)
    return Scored(essay, element, *rebuilt(arrays))


def _scorer(arrays: Mapping[str, np.ndarray], level: str) -> Scorer:
    vocabulary = words_of(arrays[f"{level}_words"])
    words = vectorizer(int(arrays["ngrams"]), exact=True, vocabulary=vocabulary)
    words.idf_ = arrays[f"{level}_idf"]
    return Scorer(words, arrays[f"{level}_coefficients"], arrays[f"{level}_intercept"])


def fit(
    knobs: params.Baseline,
    texts: Texts,
    labels: Int[np.ndarray, " elements"],
    rows: Bool[np.ndarray, " elements"],
) -> tuple[Scored, Float[np.ndarray, "elements columns"]]:
    """Fit on the elements of `rows`, which are all those of some essays.

    Returns:
      The model, and its matrix of all elements: that of a training essay has the scores by
      regressions fitted without this essay, but for the means taken off first.

    Raises:
      ValueError: no word stands in as many essays as `baseline.min_documents`.
    """
    measured = measures(texts)
    targets = beyond_type(measured, labels, rows)
    essay, of_essays = _fit_essays(knobs, texts, targets, rows)
    element, of_elements = _fit_elements(knobs, texts, targets, rows)
    values = numbers_and_scores(measured, of_essays, of_elements)
    scaler, classifier, matrix = fit_classifier(measured, values, labels, rows, knobs.C)
    return Scored(essay, element, scaler, classifier), matrix


def _fit_essays(
    knobs: params.Baseline,
    texts: Texts,
    targets: Float[np.ndarray, "elements scores"],
    rows: Bool[np.ndarray, " elements"],
) -> tuple[Scorer, Scores]:
    """Fit the essays' scorer to their elements' means; return it with the scores of all essays."""
    of_essays = essay_targets(texts.essay[rows], targets[rows])
    words = vectorizer(
        knobs.ngrams, exact=True, max_features=knobs.max_features, min_df=knobs.min_documents
    )
    matrix = sparse.csr_matrix(words.fit_transform([texts.essays[i] for i in of_essays.essays]))
    fitted = fit_essays(matrix, of_essays.means, of_essays.weights, knobs.scores.essay_ridge)
    return _scored(words, fitted, texts.essays, of_essays.essays)


def _fit_elements(
    knobs: params.Baseline,
    texts: Texts,
    targets: Float[np.ndarray, "elements scores"],
    rows: Bool[np.ndarray, " elements"],
) -> tuple[Scorer, Scores]:
    """Fit the elements' scorer; return it with the scores of all elements."""
    there = np.flatnonzero(rows)
    words = vectorizer(knobs.ngrams, exact=True, max_features=knobs.scores.terms)
    matrix = sparse.csr_matrix(words.fit_transform([texts.elements[i] for i in there]))
    fitted = fit_elements(matrix, targets[rows], texts.essay[rows], knobs.scores.element_ridge)
    return _scored(words, fitted, texts.elements, there)


def _scored(
    words: TfidfVectorizer, fitted: Ridge, texts: list[str], there: Int[np.ndarray, " fitted"]
) -> tuple[Scorer, Scores]:
    scorer = Scorer(words, fitted.coefficients, fitted.intercept)
    scores = scorer.scores(texts)
    scores[there] = fitted.left_out
    return scorer, scores
