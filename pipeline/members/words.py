"""TF-IDF of texts, and its words as an array of a file."""

from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

_MARKS = r"\w+|[^\w\s]"


def vectorizer(ngrams: int, exact: bool = False, **options: Any) -> TfidfVectorizer:
    """Make the vectorizer that counts runs of up to `ngrams` words; not fitted.

    Args:
      ngrams: words of the longest run.
      exact: whether punctuation and single letters are words too, and capitals count.
      options: of the vectorizer.
    """
    if exact:
        options |= {"lowercase": False, "token_pattern": _MARKS}
    return TfidfVectorizer(ngram_range=(1, ngrams), sublinear_tf=True, **options)


def stored_words(words: TfidfVectorizer) -> np.ndarray:
    """Return the words as one text: as an array of texts each would take the longest's room."""
    # No word holds an end of line.
    return np.array("\n".join(words.get_feature_names_out()).encode())


def words_of(stored: np.ndarray) -> list[str]:
    """Return the words in their order."""
    return stored.item().decode().split("\n")
