"""Masks of whole words in spans: laid by hand, and their shares over many draws."""

import numpy as np
import pytest

from pipeline.inputs.packing import Batch
from pipeline.params import Spans
from pipeline.pretraining.masking import (
    Masker,
    Vocabulary,
    Words,
    draw_lengths,
    lay_spans,
    words_of,
)

MASK, SPECIAL = 3, (0, 1, 2, 3)
VOCABULARY = Vocabulary(MASK, np.arange(4, 50, dtype=np.int32))


def spans(**changes: float) -> Spans:
    return Spans(**({"share": 0.4, "shortest": 2, "longest": 4} | changes))  # type: ignore[arg-type]


def row(*sizes: int) -> Words:
    """Words of these many tokens, side by side; 0 is a token that is no word's."""
    start, stop, at = [], [], 0
    for size in sizes:
        if size:
            start.append(at)
            stop.append(at + size)
        at += size or 1
    return Words(np.array(start), np.array(stop))


def laid(words: Words, order: list[int], lengths: list[int], budget: int) -> list[tuple[int, int]]:
    return list(lay_spans(words, np.array(order), np.array(lengths), budget))


def test_words_are_read_off_their_slots():
    words = words_of(np.array([-1, 0, 0, 1, -1, 2, 3, 3, -1]))
    assert (words.start.tolist(), words.stop.tolist()) == ([1, 3, 5, 6], [3, 4, 6, 8])


def test_spans_by_hand():
    words = row(1, 2, 1, 1, 3)
    # From word 3 two words of 1 + 3 tokens; from word 1 three, but word 3 is taken: 2 + 1.
    assert laid(words, [3, 1, 0, 2, 4], [9, 3, 1, 2, 1], 8) == [(3, 5), (1, 3), (0, 1)]


def test_a_span_ends_before_a_word_that_does_not_fit():
    # Two tokens are left after word 0: word 1 (2) fits, word 2 doesn't, and then nothing does.
    assert laid(row(1, 2, 1), [0, 2, 1], [3, 1, 1], 3) == [(0, 2)]
    assert laid(row(3, 1), [0, 1], [2, 2], 2) == [(1, 2)]


def test_a_span_crosses_no_marker_and_no_window():
    assert laid(row(1, 1, 0, 1, 1), [0, 1, 2, 3], [4, 4, 4, 4], 3) == [(0, 2), (2, 3)]


def test_lengths_are_as_likely_or_ever_less_so():
    rng = np.random.default_rng(0)
    even = np.bincount(draw_lengths(spans(), 60_000, rng))
    np.testing.assert_allclose(even / 60_000, [0, 0, 1 / 3, 1 / 3, 1 / 3], atol=0.01)
    # Chances 1, 1/2, 1/4 of 7/4.
    fewer = np.bincount(draw_lengths(spans(ending=0.5), 60_000, rng))
    np.testing.assert_allclose(fewer / 60_000, [0, 0, 4 / 7, 2 / 7, 1 / 7], atol=0.01)


def batch(rows: int = 40, seed: int = 0) -> Batch:
    """Rows of two windows of words, a special token around each and a marker inside."""
    rng = np.random.default_rng(seed)
    ids, slot = np.zeros((rows, 128), np.int32), np.full((rows, 128), -1, np.int32)
    for r in range(rows):
        at, word = 0, 0
        for _ in range(2):
            ids[r, at] = 1
            at += 1
            for _ in range(25):
                size = int(rng.integers(1, 4))
                if rng.random() < 0.1:
                    ids[r, at] = 2
                    at += 1
                ids[r, at : at + size] = rng.integers(4, 50, size)
                slot[r, at : at + size] = word
                at, word = min(at + size, 120), word + 1
    none = np.zeros((rows, 60))
    return Batch(
        ids=ids,
        segment=(ids > 0).astype(np.int32),
        position=np.zeros_like(ids),
        slot=slot,
        label=none.astype(np.int32),
        weight=none.astype(np.float32),
        element=none.astype(np.int32),
        row=np.arange(rows, dtype=np.int32),
    )


def masked(given: Batch, epoch: int | str = 0, seed: int = 5, **changes: float) -> Batch:
    return Masker(spans(**changes), VOCABULARY, given.ids.shape[1], seed)(given, epoch)


def test_whole_words_and_no_special_token():
    given = batch()
    made = masked(given)
    there = made.slot >= 0
    assert not np.isin(np.asarray(given.ids)[there], SPECIAL).any()
    for r in range(len(given.ids)):
        for word in range(given.slot[r].max() + 1):
            own = there[r][given.slot[r] == word]
            assert own.all() or not own.any()


def test_the_share_is_met_but_for_a_word_that_does_not_fit():
    given = batch()
    made = masked(given)
    words, hidden = (given.slot >= 0).sum(axis=1), (made.slot >= 0).sum(axis=1)
    assert (hidden <= np.floor(0.4 * words)).all()
    assert (hidden >= np.floor(0.4 * words) - 2).all()
    assert made.label.shape == (len(given.ids), int(0.4 * 128))


def test_slots_tell_place_and_token():
    given = batch()
    made = masked(given)
    for r in range(len(given.ids)):
        count = int(made.weight[r].sum())
        places = made.element[r, :count]
        np.testing.assert_array_equal(places, np.flatnonzero(made.slot[r] >= 0))
        np.testing.assert_array_equal(made.label[r, :count], given.ids[r, places])
        np.testing.assert_array_equal(made.slot[r, places], np.arange(count))
        assert not made.weight[r, count:].any()


def test_all_that_is_predicted_is_masked_unless_asked_otherwise():
    given = batch()
    made = masked(given)
    there = made.slot >= 0
    assert (made.ids[there] == MASK).all()
    np.testing.assert_array_equal(made.ids[~there], given.ids[~there])


def test_eighty_ten_ten():
    given = batch(rows=2_000)
    made = masked(given, random=0.1, kept=0.1)
    there = made.slot >= 0
    hidden, same = made.ids[there] == MASK, made.ids[there] == given.ids[there]
    assert hidden.mean() == pytest.approx(0.8, abs=0.02)
    # A random word is the right one by chance, one time in 46.
    assert same.mean() == pytest.approx(0.1 + 0.1 / 46, abs=0.02)
    assert not np.isin(made.ids[there & (made.ids != MASK)], SPECIAL).any()


def test_a_row_draws_alike_wherever_it_lies():
    given = batch()
    whole = masked(given)
    part = masked(Batch(*(array[7:9] for array in given)))
    for one, other in zip(part, whole, strict=True):
        np.testing.assert_array_equal(one, other[7:9])


@pytest.mark.parametrize("change", [{"epoch": 1}, {"seed": 6}, {"epoch": "held out"}])
def test_another_epoch_or_seed_masks_otherwise(change: dict[str, int]):
    given = batch()
    assert (masked(given).slot != masked(given, **change).slot).any()


def test_a_row_of_padding_has_nothing_to_predict():
    made = masked(batch()._replace(slot=np.full((40, 128), -1, np.int32)))
    assert not made.weight.any()
