"""The search for elements in their essay."""

import bisect
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pipeline.competition.folding import Folded, Span, fold
from pipeline.competition.placing import assign

NOT_FOUND: Final = Span(-1, -1)


class FoundElements(NamedTuple):
    """The places of one essay's elements.

    Attributes:
      spans: one for each element, `NOT_FOUND` for those that the essay doesn't hold.
      out_of_order: elements that would have to move for all to start in order.
      told_apart: elements whose text stands more than once in the essay.
    """

    spans: list[Span]
    out_of_order: int
    told_apart: int


def find_elements(essay: str, elements: Iterable[str]) -> FoundElements:
    """Find each element in any order of rows; see `assign` for texts that stand twice.

    Any run of white space equals any other, and invisible characters make no difference; see
    `Folded`.

    Args:
      essay: the whole text.
      elements: the elements' texts in the order of rows.
    """
    folded, texts = Folded(essay), [fold(element) for element in elements]
    # Once for each text: elements that share one have the same places.
    places = {text: folded.places(text) for text in set(texts)}
    rows = [row for row, text in enumerate(texts) if places[text]]
    chosen = assign([places[texts[row]] for row in rows])
    spans = [NOT_FOUND] * len(texts)
    for row, span in zip(rows, chosen, strict=True):
        spans[row] = span
    told_apart = sum(len(places[text]) > 1 for text in texts)
    return FoundElements(spans, _out_of_order([span.start for span in chosen]), told_apart)


def _out_of_order(starts: Sequence[int]) -> int:
    """Count the starts that are not in the longest chain that doesn't descend."""
    tails: list[int] = []  # the least start in which a chain of each length can end
    for start in starts:
        place = bisect.bisect_right(tails, start)
        tails[place : place + 1] = [start]
    return len(starts) - len(tails)


def reading_order(spans: Sequence[tuple[int, int]]) -> list[int]:
    """Order rows by where they start, outer ones before those inside them.

    One that was not found stays behind the row before it.
    """
    keys, key = [], (-1, 0)
    for row, (start, end) in enumerate(spans):
        key = (start, -end) if start >= 0 else key
        keys.append((key, row))
    return [row for _, row in sorted(keys)]
