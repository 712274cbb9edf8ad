"""Essays grouped by their words, without labels; fitted, kept as plain arrays, and applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from pipeline import params
from pipeline.errors import UserError
from pipeline.files import atomic_file

_DIMENSIONS = 64
_STARTS = 10  # of k-means; the tightest of them counts
_VOCABULARY = 20_000


@dataclass(frozen=True)
class Clustering:
    """Topics; it stands alone, so that it can place essays that it has never seen.

    Attributes:
      words: weights of an essay's words.
      components: directions of the space in which essays are compared.
      centres: the middle of each topic there.
      texts: the words that set each topic apart, the strongest first.
    """

    words: TfidfVectorizer
    components: Float[np.ndarray, "dimensions vocabulary"]
    centres: Float[np.ndarray, "topics dimensions"]
    texts: tuple[str, ...]

    def describe(self, essays: Sequence[str]) -> list[str]:
        """Return the text of each essay's topic; nothing for one without a word that is known."""
        return [self.texts[topic] if topic >= 0 else "" for topic in self.place(essays).tolist()]

    def place(self, essays: Sequence[str]) -> Int[np.ndarray, " essays"]:
        """Find each essay's topic, the one with the nearest centre; -1 without a known word."""
        if not len(essays):
            return np.zeros(0, np.int64)
        with threadpool_limits(1):  # the last bits depend on the number of threads
            counted = sparse.csr_matrix(self.words.transform(essays))
            places = _unit(counted @ self.components.T)
            # The distance to each centre, but for the essay's own length.
            away = (self.centres**2).sum(axis=1) - 2.0 * places @ self.centres.T
        return np.where(np.diff(counted.indptr) > 0, away.argmin(axis=1), -1)

    def save(self, path: Path) -> None:
        """Write plain arrays; the same fit has the same bytes."""
        arrays = {
            "vocabulary": _as_array(self.words.get_feature_names_out().tolist()),
            "idf": self.words.idf_,
            "components": self.components,
            "centres": self.centres,
            "texts": _as_array(self.texts),
        }
        with atomic_file(path) as temporary:
            save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, temporary)


def fit(essays: Sequence[str], options: params.Topics) -> Clustering:
    """Group essays: TF-IDF, its strongest directions, and k-means among them.

    Args:
      essays: the texts alone; labels have no part in it.
      options: the number of topics and of words for each, and the seed.

    Raises:
      UserError: there are fewer essays than topics, or too few words that some of them share.
    """
    if len(essays) < options.count:
        raise UserError(
            f"params.yaml: topics: count: {options.count}; expected at most {len(essays)} (essays)"
        )
    words = _vectorizer(max_features=_VOCABULARY, min_df=2, max_df=0.5)
    with threadpool_limits(1):
        try:
            counted = sparse.csr_matrix(words.fit_transform(essays))
            dimensions = min(_DIMENSIONS, len(essays) - 1, len(words.vocabulary_) - 1)
            directions = TruncatedSVD(dimensions, random_state=options.seed).fit(counted)
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"params.yaml: topics: too few words in common: {reason}") from None
        components = np.asarray(directions.components_, np.float32)
        places = _unit(counted @ components.T)
        means = KMeans(
            options.count,
            n_init=_STARTS,  # type: ignore[arg-type]  # a number or "auto"
            random_state=options.seed,
        ).fit(places)
        centres = means.cluster_centers_.astype(np.float32)
        apart = (centres - places.mean(axis=0)) @ components
    strongest = np.argsort(-apart, axis=1, kind="stable")[:, : options.words]
    names = words.get_feature_names_out()
    texts = tuple(" ".join(names[row]) for row in strongest)
    return Clustering(words, components, centres, texts)


def load(path: Path) -> Clustering:
    """Read what `save` wrote, under any version of scikit-learn; no code of the file runs.

    Raises:
      UserError: the file is missing or holds something else.
    """
    try:
        arrays = load_file(path)
        words = _vectorizer(vocabulary=_as_texts(arrays["vocabulary"]))
        words.idf_ = arrays["idf"]
        texts = tuple(_as_texts(arrays["texts"]))
        return Clustering(words, arrays["components"], arrays["centres"], texts)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run the topics stage first") from None
    except (SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path}: no fitted topics: {' '.join(str(error).split())}") from None


def _vectorizer(**options: Any) -> TfidfVectorizer:
    """Make the weighting of words: of letters alone, without those that every text has."""
    pattern = r"(?u)\b[^\W\d_]{3,}\b"
    return TfidfVectorizer(
        sublinear_tf=True, stop_words="english", token_pattern=pattern, **options
    )


def _unit(
    places: Float[np.ndarray, "essays dimensions"],
) -> Float[np.ndarray, "essays dimensions"]:
    """Scale each row to length 1: a topic doesn't depend on how many words an essay has."""
    return np.asarray(normalize(places))


def _as_array(texts: Sequence[str]) -> np.ndarray:
    """One array of bytes: no text holds an end of line."""
    return np.frombuffer("\n".join(texts).encode(), np.uint8)


def _as_texts(array: np.ndarray) -> list[str]:
    return array.tobytes().decode().split("\n")
