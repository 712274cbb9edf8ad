"""The scikit-learn member: type, lengths and the essay's TF-IDF into a logistic regression."""

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from pipeline import params, paths
from pipeline.competition.schema import LABELS
from pipeline.errors import UserError
from pipeline.files import atomic_folder
from pipeline.members.estimators import load_estimators, save_estimators
from pipeline.members.features import Texts, kinds, numbers
from pipeline.progress import track
from pipeline.tables.elements import Elements
from pipeline.tables.predictions import write_predictions

_STEPS = 2000  # of L-BFGS at most; about 200 are taken


@dataclasses.dataclass(frozen=True)
class Fitted:
    """One fold's model; it stands alone, so that it can predict essays that it has never seen."""

    words: TfidfVectorizer
    scaler: StandardScaler
    classifier: LogisticRegression

    def matrix(self, texts: Texts) -> sparse.csr_matrix:
        """Make a row for each element: type, numbers, numbers by type, and its essay's TF-IDF."""
        # A line over `scaled` has one slope for all types; the products give each type its own.
        kind = kinds(texts)
        scaled = np.asarray(self.scaler.transform(numbers(texts)))
        by_kind = (kind[:, :, None] * scaled[:, None, :]).reshape(len(kind), -1)
        dense = sparse.csr_matrix(np.concatenate([kind, scaled, by_kind], axis=1))
        essays = sparse.csr_matrix(self.words.transform(texts.essays))
        return sparse.csr_matrix(sparse.hstack([dense, essays[texts.essay]]))

    def predict(self, matrix: sparse.csr_matrix) -> Float[np.ndarray, "elements labels"]:
        """Predict probabilities; zero for a label that the training essays don't have.

        They are made from the decision function: a model saved by one version of scikit-learn may
        lack what another's `predict_proba` asks for.
        """
        scores = np.asarray(self.classifier.decision_function(matrix))
        if scores.ndim == 1:  # of the second of two labels
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        out = np.zeros((len(powers), len(LABELS)))
        out[:, self.classifier.classes_] = powers / powers.sum(axis=1, keepdims=True)
        return out


def fit(
    knobs: params.Baseline, texts: Texts, elements: Elements, rows: Bool[np.ndarray, " elements"]
) -> tuple[Fitted, sparse.csr_matrix]:
    """Fit on the elements of `rows` and the essays that they stand in, each once.

    Returns:
      The model, and its matrix of all elements.

    Raises:
      UserError: no word stands in as many essays as `baseline.min_documents`, or all labels of the
        training essays are the same.
    """
    words = TfidfVectorizer(
        max_features=knobs.max_features,
        ngram_range=(1, knobs.ngrams),
        min_df=knobs.min_documents,
        sublinear_tf=True,
    )
    # The vocabulary, too, comes from training essays alone. Each counts once, however many elements
    # it has.
    essays = [texts.essays[i] for i in np.unique(texts.essay[rows])]
    labels = elements.labels[rows]
    if len(np.unique(labels)) < 2:
        raise UserError(f"{paths.clean('train')}: the training essays of a fold have one label")
    try:
        words.fit(essays)
    except ValueError as error:
        raise UserError(f"params.yaml: baseline.min_documents: {error}") from None
    scaler = StandardScaler().fit(numbers(texts)[rows])
    classifier = LogisticRegression(C=knobs.C, max_iter=_STEPS)
    fitted = Fitted(words, scaler, classifier)
    matrix = fitted.matrix(texts)
    classifier.fit(matrix[rows], labels)
    return fitted, matrix


def save(path: Path, fitted: Fitted) -> None:
    """Write one fold's model without pickle."""
    parts = {field.name: getattr(fitted, field.name) for field in dataclasses.fields(Fitted)}
    save_estimators(path, parts | {"words": _plain(fitted.words)})


def _plain(words: TfidfVectorizer) -> TfidfVectorizer:
    """Copy without the parts that differ between processes or would be a file for each word.

    scikit-learn caches the memory address of the stop words, and numbers words by numpy integers.
    """
    out = copy.copy(words)
    vars(out).pop("_stop_words_id", None)
    out.vocabulary_ = {word: int(index) for word, index in words.vocabulary_.items()}
    return out


def load(path: Path) -> Fitted:
    """Read one fold's model; it may hold only types that skops itself trusts.

    Raises:
      UserError: the file is missing, no such file, or holds a type that isn't trusted.
    """
    names = [field.name for field in dataclasses.fields(Fitted)]
    return Fitted(**load_estimators(path, trusted=(), names=names))


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
        for fold in track(folds, len(folds), "fold", "baseline"):
            own = elements.folds == fold
            fitted, matrix = fit(knobs, train, elements, ~own)
            out[own] = fitted.predict(matrix[own])
            tables.append(fitted.predict(fitted.matrix(test)))
            save(folder / f"fold{fold}.skops", fitted)
    covered = np.isin(elements.folds, list(folds))
    there = elements.select(covered)
    write_predictions(paths.oof("baseline"), there.element_ids, there.folds, out[covered])
    write_predictions(
        paths.test("baseline"),
        test.element_ids * len(folds),
        np.repeat(np.array(folds), len(test.element_ids)),
        np.concatenate(tables),
    )
