"""Windows: what holds of every cut; the exact arrays are in test_corpus."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inputs.windows import Cut, cut, left_out, repeated, window

pytestmark = pytest.mark.golden

Case = tuple[list[tuple[int, int]], int, int, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Elements' lengths and the gaps before them, as bodies; total; capacity; overlap."""
    capacity = draw(st.integers(4, 20))
    overlap = draw(st.integers(0, capacity - 1))
    cursor, bodies = 0, []
    for gap, length in draw(
        st.lists(st.tuples(st.integers(0, 12), st.integers(1, 30)), min_size=1, max_size=8)
    ):
        bodies.append((cursor + gap, cursor + gap + length))
        cursor += gap + length
    return bodies, cursor + draw(st.integers(0, 12)), capacity, overlap


@settings(deadline=None, max_examples=400)
@given(cases())
def test_every_cut(case: Case) -> None:
    bodies, total, capacity, overlap = case
    cuts = cut(np.array(bodies), total, capacity, overlap)
    fresh = [0] * total
    for here in cuts:
        assert 0 <= here.begin <= here.fresh < here.end <= total
        assert here.end - here.begin <= capacity
        for i in range(here.fresh, here.end):
            fresh[i] += 1
    for start, stop in bodies:
        assert fresh[start:stop] == [1] * (stop - start), "every token of an element once"
        if stop - start <= capacity:
            assert any(c.fresh <= start and stop <= c.end for c in cuts), "whole if it fits"
    for before, after in itertools.pairwise(cuts):
        assert before.begin < after.begin
        assert before.end <= after.fresh
        if after.begin > before.end:
            assert before.end - before.begin == capacity, "no text left out where there is room"
    seen = {i for here in cuts for i in range(here.begin, here.end)}
    assert left_out(cuts, total) == total - len(seen)
    assert repeated(cuts) == sum(here.end - here.begin for here in cuts) - len(seen)


@settings(deadline=None, max_examples=100)
@given(cases())
def test_greedy_without_overlap(case: Case) -> None:
    bodies, total, capacity, _ = case
    cuts = cut(np.array(bodies), total, capacity, 0)
    for before, after in itertools.pairwise(cuts):
        first = next(body for body in bodies if body[1] > after.fresh)
        if first[0] >= before.begin and first[0] >= after.begin:  # not a continued element
            assert first[1] - before.begin > capacity, "the element would have fitted before"


def test_no_elements_no_windows() -> None:
    assert cut(np.zeros((0, 2), int), 5, 8, 0) == []


def test_weights_are_shares_of_the_elements_own_tokens() -> None:
    owner = np.array([-1, 0, 0, -1, 1, 1, 1, 2])
    made = window(
        np.arange(10, 18),
        owner,
        Cut(2, 3, 6),
        elements=np.array([7, 8, 9]),
        special=([1], [2]),
    )
    assert made.ids.tolist() == [1, 12, 13, 14, 15, 2]
    assert made.slot.tolist() == [-1, -1, -1, 0, 0, -1]
    assert made.element.tolist() == [8]
    assert made.weight.tolist() == [np.float32(2 / 3)]
