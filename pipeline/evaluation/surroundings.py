"""Elements in their essays: what a stacker knows of an element beside members' predictions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE
from pipeline.competition.schema import ELEMENT_ID, ELEMENT_TEXT, ELEMENT_TYPE, ESSAY_ID, TYPES
from pipeline.tables.columns import Columns


@dataclass(frozen=True)
class Surroundings:
    """Elements of essays, in any order.

    Attributes:
      essays: a number for each essay.
      places: rising with the reading order within an essay.
      kinds: the number of each element's type.
      words: of each element.
    """

    essays: Int[np.ndarray, " rows"]
    places: Int[np.ndarray, " rows"]
    kinds: Int[np.ndarray, " rows"]
    words: Float[np.ndarray, " rows"]

    def __len__(self) -> int:
        return len(self.essays)

    def select(self, rows: Bool[np.ndarray, " rows"] | Int[np.ndarray, " some"]) -> "Surroundings":
        """Return the elements of a mask, or those of given numbers."""
        return Surroundings(
            self.essays[rows], self.places[rows], self.kinds[rows], self.words[rows]
        )


def surroundings(essays: Sequence[str], kinds: Sequence[str], words: Sequence[int]) -> Surroundings:
    """Describe elements that stand in reading order within their essays; types are known ones."""
    seen: Counter[str] = Counter()
    places = np.empty(len(essays), np.int64)
    for row, essay in enumerate(essays):
        places[row] = seen[essay]
        seen[essay] += 1
    numbers = {essay: number for number, essay in enumerate(seen)}
    of_kind = {kind: number for number, kind in enumerate(TYPES)}
    return Surroundings(
        np.array([numbers[essay] for essay in essays], np.int64),
        places,
        np.array([of_kind[kind] for kind in kinds], np.int64),
        np.array(words, np.float64),
    )


def count_words(text: str) -> int:
    """Count the words of an element, as all who describe elements have to."""
    return len(text.split())


def read_surroundings(split: str, element_ids: Sequence[str]) -> Surroundings:
    """Describe the elements of `train` or `test` that have these ids, in their order."""
    columns = Columns(
        paths.clean(split) / ELEMENTS_FILE, [ELEMENT_ID, ESSAY_ID, ELEMENT_TYPE, ELEMENT_TEXT]
    )
    row = {element: row for row, element in enumerate(columns.strings(ELEMENT_ID))}
    words = list(map(count_words, columns.strings(ELEMENT_TEXT)))
    whole = surroundings(columns.strings(ESSAY_ID), columns.strings(ELEMENT_TYPE), words)
    return whole.select(np.array([row[i] for i in element_ids], np.int64))
