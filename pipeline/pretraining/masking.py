"""Masks of whole words in spans: a pure function of the row, the run's seed and the epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from pipeline import params
from pipeline.inputs.packing import Batch
from pipeline.seeds import stream


class Vocabulary(NamedTuple):
    """What masked tokens become.

    Attributes:
      mask: the id of the mask token.
      ordinary: the ids that a random word's token may have: all but special ones and markers.
    """

    mask: int
    ordinary: Int[np.ndarray, " ids"]


class Words(NamedTuple):
    """The words of one row, in order: tokens [start, stop)."""

    start: Int[np.ndarray, " words"]
    stop: Int[np.ndarray, " words"]


class Masker:
    """Masks batches whose slots are words, for one run."""

    def __init__(self, spans: params.Spans, vocabulary: Vocabulary, length: int, seed: int) -> None:
        """Hold what masks are drawn from; `length` is that of rows, in tokens."""
        self._spans, self._vocabulary, self._seed = spans, vocabulary, seed
        # One width for every batch, so that the step compiles once.
        self.slots = max(1, int(spans.share * length))

    def __call__(self, batch: Batch, epoch: int | str) -> Batch:
        """Mask a batch.

        Args:
          batch: its slots are words.
          epoch: with the seed and the number of a row it decides what is masked there.

        Returns:
          The masked tokens, a slot for each that is to be predicted: its label is the token,
          its weight 1 and its element the token's place in the row. Slots that are not used have
          weight 0 and place 0.
        """
        rows = len(batch.ids)
        ids = np.array(batch.ids)
        slot = np.full_like(batch.slot, -1)
        label, place = (np.zeros((rows, self.slots), np.int32) for _ in range(2))
        weight = np.zeros((rows, self.slots), np.float32)
        for row in range(rows):
            rng = np.random.default_rng(stream(self._seed, "masks", epoch, int(batch.row[row])))
            ids[row], there = self._row(ids[row], words_of(np.asarray(batch.slot[row])), rng)
            own = slice(0, len(there))
            place[row, own], label[row, own] = there, batch.ids[row, there]
            weight[row, own] = 1.0
            slot[row, there] = np.arange(len(there))
        return batch._replace(ids=ids, slot=slot, label=label, weight=weight, element=place)

    def _row(
        self, ids: Int[np.ndarray, " tokens"], words: Words, rng: np.random.Generator
    ) -> tuple[Int[np.ndarray, " tokens"], Int[np.ndarray, " masked"]]:
        """Return a row's ids with the mask in place, and the places to predict, in order."""
        spans, masked = self._spans, np.zeros(len(ids), bool)
        budget = int(spans.share * int((words.stop - words.start).sum()))
        ids = ids.copy()
        order = rng.permutation(len(words.start))
        lengths = draw_lengths(spans, len(order), rng)
        for first, last in lay_spans(words, order, lengths, budget):
            here = slice(words.start[first], words.stop[last - 1])
            masked[here] = True
            # One fate for the whole span, as in SpanBERT (Joshi et al., 2020).
            fate = rng.random()
            if fate < spans.random:
                ids[here] = rng.choice(self._vocabulary.ordinary, here.stop - here.start)
            elif fate >= spans.random + spans.kept:
                ids[here] = self._vocabulary.mask
        return ids, np.flatnonzero(masked)


def draw_lengths(
    spans: params.Spans, count: int, rng: np.random.Generator
) -> Int[np.ndarray, " count"]:
    """Draw lengths in words from the shortest to the longest, each as likely or ever less so."""
    beyond = np.arange(spans.longest - spans.shortest + 1)
    weights = (1.0 - (spans.ending or 0.0)) ** beyond
    at_most = np.cumsum(weights[:-1]) / weights.sum()
    return spans.shortest + np.searchsorted(at_most, rng.random(count), side="right")


def words_of(slot: Int[np.ndarray, " tokens"]) -> Words:
    """Find the words of a row by the slots of its tokens; a word's tokens stand side by side."""
    begins = (slot >= 0) & (np.diff(slot, prepend=-1) != 0)
    ends = (slot >= 0) & (np.diff(slot, append=-1) != 0)
    return Words(np.flatnonzero(begins), np.flatnonzero(ends) + 1)


def lay_spans(
    words: Words,
    order: Int[np.ndarray, " words"],
    lengths: Int[np.ndarray, " words"],
    budget: int,
) -> Iterator[tuple[int, int]]:
    """Lay spans of words until they hold `budget` tokens, or none fits any more.

    A span ends before a word that is masked already, before one that doesn't fit into what is left,
    and behind a token that is no word's: it crosses neither markers nor the bounds of windows.

    Args:
      words: of the row.
      order: the words at which spans may begin, one after another.
      lengths: in words, of the span that begins at each.
      budget: the most tokens to mask.

    Yields:
      The first word of a span and the one after its last.
    """
    sizes, left = words.stop - words.start, budget
    joined = np.append(words.start[1:] == words.stop[:-1], False)  # to the word behind it
    free = np.ones(len(sizes), bool)
    for first in order.tolist():
        last = first
        while last < first + lengths[first] and free[last] and sizes[last] <= left:
            left -= int(sizes[last])
            free[last] = False
            last += 1
            if not joined[last - 1]:
                break
        if last > first:
            yield first, last
