"""The scikit-learn member: type, lengths and TF-IDF or scores of it into a regression."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from pipeline import params, paths
from pipeline.competition.schema import LABELS
from pipeline.errors import UserError
from pipeline.files import atomic_folder
from pipeline.members import scored
from pipeline.members.features import Texts, numbers
from pipeline.members.fitted import Fitted, save
from pipeline.members.regression import Matrix
from pipeline.members.scored import Scored
from pipeline.members.words import vectorizer
from pipeline.progress import track
from pipeline.reserved import BASELINE
from pipeline.tables.elements import Elements
from pipeline.tables.predictions import Predictions, write_tables

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
    if len(np.unique(elements.labels[rows])) < 2:
        raise UserError(f"{paths.clean('train')}: the training essays of a fold have one label")
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

    It runs on one thread: the last bits depend on the number of threads, and the matrices are too
    slim to gain by more.
    """
    out = np.zeros((len(elements), len(LABELS)))
    tables = []
    with threadpool_limits(1), atomic_folder(paths.BASELINE) as folder:
        for fold in track(folds, len(folds), "fold", BASELINE):
            own = elements.folds == fold
            fitted, matrix = fit(knobs, train, elements, ~own)
            out[own] = fitted.predict(matrix[own])
            tables.append(fitted.predict(fitted.matrix(test)))
            save(folder / f"fold{fold}.npz", fitted)
    covered = np.isin(elements.folds, list(folds))
    there = elements.select(covered)
    write_tables(
        {
            paths.oof(BASELINE): Predictions(there.element_ids, there.folds, out[covered]),
            paths.test(BASELINE): Predictions(
                test.element_ids * len(folds),
                np.repeat(np.array(folds), len(test.element_ids)),
                np.concatenate(tables),
            ),
        }
    )
