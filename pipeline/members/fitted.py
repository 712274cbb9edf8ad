"""One fold's fitted baseline: from texts to probabilities, and as plain arrays in a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline.members import scored
from pipeline.members.arrays import rebuild, write_arrays
from pipeline.members.features import Texts, kinds, numbers
from pipeline.members.regression import Matrix, probabilities, rebuilt, stored
from pipeline.members.scored import Scored
from pipeline.members.words import stored_words, vectorizer, words_of


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

    def predict(self, matrix: Matrix) -> Float[np.ndarray, "elements labels"]:
        """Predict probabilities; zero for a label that the training essays don't have."""
        return probabilities(self.classifier, matrix)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was fitted."""
        return {
            "words": stored_words(self.words),
            "ngrams": np.array(self.words.ngram_range[1]),
            "idf": np.asarray(self.words.idf_),
            **stored(self.scaler, self.classifier),
        }


def save(path: Path, fitted: Fitted | Scored) -> None:
    """Write the model's arrays without pickle; the same fit has the same bytes."""
    write_arrays(path, fitted.arrays())


def load(path: Path) -> Fitted | Scored:
    """Read what `save` wrote, under any version of scikit-learn; no code of the file runs.

    Raises:
      UserError: the file is missing or damaged, or holds something else.
    """
    return rebuild(path, "fitted baseline", _rebuilt)


def _rebuilt(arrays: Mapping[str, np.ndarray]) -> Fitted | Scored:
    if "words" not in arrays and "essay_words" in arrays:
        return scored.of_arrays(arrays)
    words = vectorizer(int(arrays["ngrams"]), vocabulary=words_of(arrays["words"]))
    words.idf_ = arrays["idf"]
    return Fitted(words, *rebuilt(arrays))
