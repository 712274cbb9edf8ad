"""The choice of one place in the essay for each element, whatever the order of rows."""

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

import numpy as np
from jaxtyping import Int

from pipeline.competition.folding import Span

_NEVER: Final = np.iinfo(np.int64).max


def assign(places: Sequence[Sequence[Span]]) -> list[Span]:
    """Choose one of each row's places.

    Where rows stand in the order of their essay, each takes its first place behind the row before.
    Where they don't:

    1. A text with no more places than rows takes them all; then one that has no more than rows
       beside those, and so on.
    2. Of the other rows as many as can be stand in the order of rows and apart.
    3. What is left takes places that are free, longer texts first; where none is, any.

    Rows of one text take their places in the order of rows.

    Args:
      places: of each row, in order, at least one; rows with the same first place have one text.
    """
    # Rows that stand in order need no search.
    spans = _behind_one_another(places)
    return _apart(places) if spans is None else spans


def _behind_one_another(places: Sequence[Sequence[Span]]) -> list[Span] | None:
    """Give each row its first place behind the row before; None where a row has none there."""
    spans, cursor = [], 0
    for its_places in places:
        nearest = bisect.bisect_left(its_places, cursor, key=attrgetter("start"))
        if nearest == len(its_places):
            return None
        spans.append(its_places[nearest])
        cursor = spans[-1].end
    return spans


class _Taken:
    """The characters of an essay that an element has taken."""

    def __init__(self, length: int) -> None:
        self._taken = bytearray(length)

    def take(self, span: Span) -> None:
        self._taken[span.start : span.end] = b"\1" * (span.end - span.start)

    def free(self, span: Span) -> bool:
        return self._taken.find(1, span.start, span.end) < 0


class _Text:
    """A text with its rows and places; `open` are those that its rows may still be given."""

    def __init__(self, rows: list[int], places: Sequence[Span], taken: _Taken) -> None:
        self.rows, self.places, self.open = rows, places, places
        self.chosen: list[Span] = []
        self.settled = False
        self._taken = taken

    def choose(self, places: Iterable[Span]) -> None:
        for place in places:
            self.chosen.append(place)
            self._taken.take(place)

    def narrow(self) -> None:
        """Close the places of which a character is taken."""
        self.open = [place for place in self.open if self._taken.free(place)]

    def settle(self) -> bool:
        """Choose all that is open if that is no more than the rows need."""
        self.settled = len(self.open) <= len(self.rows)
        if self.settled:
            self.choose(self.open)
        return self.settled

    @cached_property
    def bounds(self) -> tuple[Int[np.ndarray, " open"], Int[np.ndarray, " open_and_never"]]:
        """The starts of the open places, and their ends with `_NEVER` behind the last."""
        starts = np.array([place.start for place in self.open], np.int64)
        return starts, np.array([place.end for place in self.open] + [_NEVER], np.int64)

    def fill(self) -> None:
        """Choose a place for each row without one: a free one, else a taken one, else a repeat."""
        free = filter(self._taken.free, self.places)
        spare = itertools.chain(free, self._others(), itertools.cycle(self.places))
        while len(self.chosen) < len(self.rows):
            self.choose([next(spare)])

    def _others(self) -> Iterator[Span]:
        chosen = set(self.chosen)
        yield from (place for place in self.places if place not in chosen)


def _apart(places: Sequence[Sequence[Span]]) -> list[Span]:
    """Choose where rows are out of order; see `assign`."""
    texts = _longest_first(places)
    _settle(texts)
    text_of = {row: text for text in texts for row in text.rows}
    for row, place in _longest_chain([text_of[row] for row in range(len(places))]):
        if not text_of[row].settled:
            text_of[row].choose([place])
    spans: dict[int, Span] = {}
    for text in texts:
        text.fill()
        spans |= zip(text.rows, sorted(text.chosen), strict=True)
    return [spans[row] for row in range(len(places))]


def _longest_first(places: Sequence[Sequence[Span]]) -> list[_Text]:
    rows: dict[Span, list[int]] = {}
    for row, its_places in enumerate(places):
        rows.setdefault(its_places[0], []).append(row)
    taken = _Taken(max(its_places[-1].end for its_places in places))
    texts = [_Text(its_rows, places[its_rows[0]], taken) for its_rows in rows.values()]
    return sorted(texts, key=lambda text: text.places[0].start - text.places[0].end)


def _settle(texts: Sequence[_Text]) -> None:
    """Give places to the texts that have no choice, until all others have one."""
    unsettled = [text for text in texts if not text.settle()]
    settled = len(texts) - len(unsettled)
    while settled:
        left = []
        for text in unsettled:
            text.narrow()
            if not text.settle():
                left.append(text)
        settled = len(unsettled) - len(left)
        unsettled = left


def _longest_chain(texts: Sequence[_Text]) -> list[tuple[int, Span]]:
    """Find the largest number of rows that stand in order and apart, with their places.

    For each length the chain that ends first is kept, as for a longest increasing subsequence. A
    row extends all of them at once.

    Args:
      texts: of each row, in order.
    """
    ends = np.zeros(1, np.int64)
    chains: list[Any] = [None]  # of each length: its last row and place, and the chain before them
    for row, text in enumerate(texts):
        starts, stops = text.bounds
        nearest = np.searchsorted(starts, ends)
        longer = np.append(ends[1:], _NEVER)
        sooner = np.flatnonzero(stops[nearest] < longer)
        # Longest first: a row extends the chains of before, never one that it has just made.
        for length in sooner[::-1].tolist():
            place = text.open[int(nearest[length])]
            chains[length + 1 : length + 2] = [(row, place, chains[length])]
        longer = np.minimum(longer, stops[nearest])
        ends = np.append(ends[:1], longer[longer < _NEVER])
    found, chain = [], chains[-1]
    while chain is not None:
        row, place, chain = chain
        found.append((row, place))
    return found[::-1]
