"""Batches: every array by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pipeline import params
from pipeline.inputs.packing import Batch, batches, plan
from pipeline.inputs.tokens import Tokens, Window, _Chunk
from tests.configurations import section

PAD = 9
LABELS = np.array([-1, -1, -1, -1, 2, 1, 0, 1, 2])  # of the elements by their numbers
ROWS = section(params.Rows, per_step=2, length=8, slots=3, pool=10)


def tokens_of(windows: Sequence[Window]) -> Tokens:
    """Tokens whose arrays lie one after the other in a single chunk."""
    lengths = np.array([len(w.ids) for w in windows], np.int32)
    n_slots = np.array([len(w.element) for w in windows], np.int32)
    values = Window(*(np.concatenate(arrays) for arrays in zip(*windows, strict=True)))
    token_offsets = np.concatenate([[0], np.cumsum(lengths)])
    slot_offsets = np.concatenate([[0], np.cumsum(n_slots)])
    return Tokens(
        essay_ids=[str(i) for i in range(len(windows))],
        lengths=lengths,
        n_slots=n_slots,
        element_ids=[],
        chunks=[_Chunk(0, token_offsets, slot_offsets, values)],
        chunk_of=np.zeros(len(windows), np.int64),
    )


def window(ids: list[int], slot: list[int], element: list[int], weight: list[float]) -> Window:
    return Window(
        np.array(ids, np.int32),
        np.array(slot, np.int16),
        np.array(element, np.int32),
        np.array(weight, np.float32),
    )


@pytest.fixture
def tokens() -> Tokens:
    return tokens_of(
        [
            window([50, 51, 52], [-1, 0, 1], [4, 5], [1.0, 0.5]),
            window([60, 61], [0, -1], [6], [0.25]),
            window([70, 71, 72, 73], [-1, 0, 0, -1], [7], [1.0]),
            window([80], [0], [8], [1.0]),
        ]
    )


def check(batch: Batch, **expected: list[Any]) -> None:
    assert list(expected) == list(Batch._fields)
    for name, value in expected.items():
        found = getattr(batch, name)
        assert found.tolist() == value, name
        assert found.dtype == (np.float32 if name == "weight" else np.int32), name


SECOND = {
    "ids": [[70, 71, 72, 73, 9, 9, 9, 9], [9, 9, 9, 9, 9, 9, 9, 9]],
    "segment": [[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]],
    "position": [[0, 1, 2, 3, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]],
    "slot": [[-1, 0, 0, -1, -1, -1, -1, -1], [-1] * 8],
    "label": [[1, 0, 0], [0, 0, 0]],
    "weight": [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    "element": [[7, -1, -1], [-1, -1, -1]],
    "row": [2, 3],
}


def test_rows_by_hand(tokens: Tokens) -> None:
    plan = [np.array([1, 0]), np.array([3]), np.array([2])]
    first, second = batches(tokens, np.arange(4), plan, ROWS, PAD, labels=LABELS)
    check(
        first,
        ids=[[60, 61, 50, 51, 52, 9, 9, 9], [80, 9, 9, 9, 9, 9, 9, 9]],
        segment=[[1, 1, 2, 2, 2, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]],
        position=[[0, 1, 0, 1, 2, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]],
        slot=[[0, -1, -1, 1, 2, -1, -1, -1], [0, -1, -1, -1, -1, -1, -1, -1]],
        label=[[0, 2, 1], [2, 0, 0]],
        weight=[[0.25, 1.0, 0.5], [1.0, 0.0, 0.0]],
        element=[[6, 4, 5], [8, -1, -1]],
        row=[0, 1],
    )
    check(second, **SECOND)


def test_start_goes_on_in_the_middle(tokens: Tokens) -> None:
    plan = [np.array([1, 0]), np.array([3]), np.array([2])]
    (only,) = batches(tokens, np.arange(4), plan, ROWS, PAD, 1, LABELS)
    check(only, **SECOND)
    assert list(batches(tokens, np.arange(4), plan, ROWS, PAD, start=2)) == []


def test_without_labels_there_are_zeros(tokens: Tokens) -> None:
    (only,) = batches(tokens, np.arange(1), [np.array([0])], ROWS, PAD)
    assert only.label.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_subset_of_windows(tokens: Tokens) -> None:
    (only,) = batches(tokens, np.array([3, 1]), [np.array([1]), np.array([0])], ROWS, PAD)
    assert only.ids[:, 0].tolist() == [60, 80]
    assert only.element[:, 0].tolist() == [6, 8]


def test_nothing_to_do(tokens: Tokens) -> None:
    assert list(batches(tokens, np.zeros(0, np.int64), [], ROWS, PAD)) == []


def test_packed_from_a_plan_every_element_is_there_once(tokens: Tokens) -> None:
    packed = plan(tokens.lengths, tokens.n_slots, ROWS, seed=3)
    made = list(batches(tokens, np.arange(4), packed, ROWS, PAD))
    elements = np.concatenate([batch.element.ravel() for batch in made])
    assert sorted(elements[elements >= 0].tolist()) == [4, 5, 6, 7, 8]
    ids = np.concatenate([batch.ids[batch.segment > 0] for batch in made])
    assert sorted(ids.tolist()) == [50, 51, 52, 60, 61, 70, 71, 72, 73, 80]
