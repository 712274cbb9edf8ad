"""One fold's regression on a frozen encoder's vectors, and as plain arrays in a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline.embedding_params import EmbeddingRidge, EmbeddingTrees
from pipeline.members.arrays import rebuild, write_arrays
from pipeline.members.boosting import fit_trees
from pipeline.members.features import Measures
from pipeline.members.regression import probabilities, rebuilt, stored
from pipeline.members.ridge import fit_elements, fit_essays
from pipeline.members.scores import (
    beyond_type,
    columns,
    essay_targets,
    fit_classifier,
    numbers_and_scores,
)
from pipeline.members.trees import Trees, trees_of
from pipeline.members.vectors import Affine, Vectors, principal, standardised

_LEVELS = ("essay", "element")


@dataclass(frozen=True)
class Ridged:
    """Ridge regressions score essay and element; a logistic one reads the scores."""

    essay: Affine
    element: Affine
    scaler: StandardScaler
    classifier: LogisticRegression

    def predict(self, measured: Measures, vectors: Vectors) -> Float[np.ndarray, "elements labels"]:
        """Predict essays that are not among the training ones."""
        scores = self.essay.of(vectors.essays), self.element.of(vectors.elements)
        values = numbers_and_scores(measured, *scores)
        return probabilities(self.classifier, columns(measured, self.scaler, values))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was fitted."""
        return _stored_maps(self.essay, self.element) | stored(self.scaler, self.classifier)


@dataclass(frozen=True)
class Boosted:
    """Boosted trees on the strongest directions of essay and element."""

    essay: Affine
    element: Affine
    trees: Trees

    def predict(self, measured: Measures, vectors: Vectors) -> Float[np.ndarray, "elements labels"]:
        """Predict essays that are not among the training ones."""
        return self.trees.predict(_numbers(measured, vectors, self.essay, self.element))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was fitted."""
        return _stored_maps(self.essay, self.element) | self.trees.arrays()


Fit = Ridged | Boosted


def fit_ridge(
    settings: EmbeddingRidge,
    measured: Measures,
    vectors: Vectors,
    labels: Int[np.ndarray, " elements"],
    rows: Bool[np.ndarray, " elements"],
) -> Ridged:
    """Fit on the elements of `rows`, which are all those of some essays.

    The logistic regression learns from scores of training essays by fits to all others.
    """
    targets = beyond_type(measured, labels, rows)
    of_essays, essay = essay_targets(measured.essay[rows], targets[rows]), measured.essay[rows]
    wide, mean, scale = standardised(vectors.essays[of_essays.essays])
    fitted = fit_essays(wide, of_essays.means, of_essays.weights, settings.essay)
    by_essay = Affine(fitted.coefficients, fitted.intercept).after(mean, scale)
    of_all = by_essay.of(vectors.essays)
    of_all[of_essays.essays] = fitted.left_out
    wide, mean, scale = standardised(vectors.elements[rows])
    fitted = fit_elements(wide, targets[rows], essay, settings.element)
    by_element = Affine(fitted.coefficients, fitted.intercept).after(mean, scale)
    scores = by_element.of(vectors.elements)
    scores[rows] = fitted.left_out
    values = numbers_and_scores(measured, of_all, scores)
    scaler, classifier, _ = fit_classifier(measured, values, labels, rows, settings.C)
    return Ridged(by_essay, by_element, scaler, classifier)


def fit_boosting(
    settings: EmbeddingTrees,
    measured: Measures,
    vectors: Vectors,
    labels: Int[np.ndarray, " elements"],
    rows: Bool[np.ndarray, " elements"],
) -> Boosted:
    """Fit on the elements of `rows`, which are all those of some essays."""
    essay = principal(vectors.essays[np.unique(measured.essay[rows])], settings.components)
    element = principal(vectors.elements[rows], settings.components)
    numbers = _numbers(measured, vectors, essay, element)
    return Boosted(essay, element, fit_trees(settings, numbers[rows], labels[rows], settings.seed))


def save(path: Path, fitted: Fit) -> None:
    """Write the arrays without pickle; the same fit has the same bytes."""
    write_arrays(path, fitted.arrays())


def load(path: Path) -> Fit:
    """Read what `save` wrote; no code of the file runs.

    Raises:
      UserError: the file is missing or damaged, or holds something else.
    """
    return rebuild(path, "fitted member of embeddings", _of_arrays)


def _of_arrays(arrays: Mapping[str, np.ndarray]) -> Fit:
    essay, element = (
        Affine(arrays[f"{level}_matrix"], arrays[f"{level}_offset"]) for level in _LEVELS
    )
    if "roots" in arrays:
        return Boosted(essay, element, trees_of(arrays))
    return Ridged(essay, element, *rebuilt(arrays))


def _stored_maps(*maps: Affine) -> dict[str, np.ndarray]:
    return {
        f"{level}_{name}": array
        for level, one in zip(_LEVELS, maps, strict=True)
        for name, array in one._asdict().items()
    }


def _numbers(
    measured: Measures, vectors: Vectors, essay: Affine, element: Affine
) -> Float[np.ndarray, "elements numbers"]:
    """Put an element's type and numbers beside its own directions and its essay's."""
    of_essay = essay.of(vectors.essays)[measured.essay]
    own = element.of(vectors.elements)
    return np.concatenate([measured.kinds, measured.numbers, own, of_essay], axis=1)
