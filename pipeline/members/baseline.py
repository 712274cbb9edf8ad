"""The scikit-learn member: type, lengths and TF-IDF or scores of it into a regression."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline import params, paths
from pipeline.errors import UserError
from pipeline.files import atomic_folder
from pipeline.members import scored
from pipeline.members.by_fold import check_labels, write_by_fold
from pipeline.members.features import Texts, numbers
from pipeline.members.fitted import Fitted, save
from pipeline.members.regression import Matrix
from pipeline.members.scored import Scored
from pipeline.members.words import vectorizer
from pipeline.reserved import BASELINE
from pipeline.tables.elements import Elements

_STEPS = 2000  # of L-BFGS at most; about 200 are taken


def fit(
    knobs: params.Baseline, texts: Texts, elements: Elements, rows: Bool[np.ndarray, " elements"]
) -> tuple[Fitted | Scored, Matrix]:
    """Fit on the elements of `rows` and the essays that they stand in, each once.

    Returns:
      The model, and its matrix of all elements.

    Raises:
      UserError: no word stands in as many essays as `baseline.min_documents`, or all labels of the
        training essays are the same.
    """
    check_labels(elements, rows)
    fit_kind = scored.fit if knobs.scores.terms else _fit_words
    try:
        return fit_kind(knobs, texts, elements.labels, rows)
    except np.linalg.LinAlgError as error:
        raise UserError(f"params.yaml: baseline.scores: raise a ridge: {error}") from None
    except ValueError as error:
        raise UserError(f"params.yaml: baseline.min_documents: {error}") from None


def _fit_words(
    knobs: params.Baseline,
    texts: Texts,
    labels: Int[np.ndarray, " elements"],
    rows: Bool[np.ndarray, " elements"],
) -> tuple[Fitted, Matrix]:
    words = vectorizer(knobs.ngrams, max_features=knobs.max_features, min_df=knobs.min_documents)
    # The vocabulary, too, comes from training essays alone. Each counts once, however many elements
    # it has.
    words.fit([texts.essays[i] for i in np.unique(texts.essay[rows])])
    scaler = StandardScaler().fit(numbers(texts)[rows])
    classifier = LogisticRegression(C=knobs.C, max_iter=_STEPS)
    fitted = Fitted(words, scaler, classifier)
    matrix = fitted.matrix(texts)
    classifier.fit(matrix[rows], labels[rows])
    return fitted, matrix


def run(
    knobs: params.Baseline, folds: Sequence[int], elements: Elements, train: Texts, test: Texts
) -> None:
    """Fit every fold of params.yaml, predict its own essays and the test essays, write all of it.

    Raises:
      UserError: as of `fit`.
    """
    with atomic_folder(paths.BASELINE) as folder:

        def of_fold(
            fold: int, own: Bool[np.ndarray, " elements"]
        ) -> tuple[Float[np.ndarray, "own labels"], Float[np.ndarray, "test labels"]]:
            fitted, matrix = fit(knobs, train, elements, ~own)
            save(folder / f"fold{fold}.npz", fitted)
            return fitted.predict(matrix[own]), fitted.predict(fitted.matrix(test))

        write_by_fold(BASELINE, folds, elements, test.element_ids, of_fold)
