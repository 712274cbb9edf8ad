"""One fold's fitted baseline: from texts to probabilities, and as plain arrays in a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline.competition.schema import LABELS
from pipeline.errors import UserError
from pipeline.files import atomic_file
from pipeline.members.arrays import DAMAGE, read_arrays
from pipeline.members.features import Texts, kinds, numbers
from pipeline.refusals import refusal


@dataclass(frozen=True)
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
        """Predict probabilities; zero for a label that the training essays don't have."""
        found = self.classifier.predict_proba(matrix)
        out = np.zeros((len(found), len(LABELS)))
        out[:, self.classifier.classes_] = found
        return out


def vectorizer(ngrams: int, **options: Any) -> TfidfVectorizer:
    """Make the vectorizer of essays, which counts runs of up to `ngrams` words; not fitted."""
    return TfidfVectorizer(ngram_range=(1, ngrams), sublinear_tf=True, **options)


def save(path: Path, fitted: Fitted) -> None:
    """Write the model's arrays without pickle; the same fit has the same bytes."""
    words, scaler, classifier = fitted.words, fitted.scaler, fitted.classifier
    arrays = {
        # One text: as an array of texts each would take the room of the longest. No word holds an
        # end of line.
        "words": np.array("\n".join(words.get_feature_names_out()).encode()),
        "ngrams": np.array(words.ngram_range[1]),
        "idf": words.idf_,
        "mean": scaler.mean_,
        "scale": scaler.scale_,
        "coefficients": classifier.coef_,
        "intercepts": classifier.intercept_,
        "labels": classifier.classes_,
    }
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)


def load(path: Path) -> Fitted:
    """Read what `save` wrote, under any version of scikit-learn; no code of the file runs.

    Raises:
      UserError: the file is missing or damaged, or holds something else.
    """
    try:
        return _rebuilt(read_arrays(path))
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except KeyError as error:
        lacks = f"{error.args[0]} is not a file in the archive"
        raise UserError(f"{path}: no fitted baseline: {lacks}") from None
    except DAMAGE as error:
        if refused := refusal(error, path):
            raise refused from None
        raise UserError(f"{path}: no fitted baseline: {' '.join(str(error).split())}") from None


def _rebuilt(arrays: Mapping[str, np.ndarray]) -> Fitted:
    """Put fitted attributes, by the names that scikit-learn documents, into new estimators."""
    vocabulary = arrays["words"].item().decode().split("\n")
    words = vectorizer(int(arrays["ngrams"]), vocabulary=vocabulary)
    words.idf_ = arrays["idf"]
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_ = arrays["mean"], arrays["scale"]
    classifier = LogisticRegression()
    classifier.coef_, classifier.intercept_ = arrays["coefficients"], arrays["intercepts"]
    classifier.classes_ = arrays["labels"]
    return Fitted(words, scaler, classifier)
