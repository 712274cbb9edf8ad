"""Packed rows of one fixed shape, made from token views step by step."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from pipeline import params
from pipeline.inputs.packing import Plan
from pipeline.inputs.tokens import Tokens, Window

IntArray = np.ndarray | Array


class Batch(NamedTuple):
    """One step's rows; padding has segment 0, slot -1, weight 0 and element -1."""

    ids: Int[IntArray, "rows tokens"]
    segment: Int[IntArray, "rows tokens"]  # 1.. for the windows of a row
    position: Int[IntArray, "rows tokens"]  # starts again with each window
    slot: Int[IntArray, "rows tokens"]  # within the row; -1 where a token is no element's
    label: Int[IntArray, "rows slots"]
    weight: Float[IntArray, "rows slots"]  # this part's share of its element's tokens
    element: Int[IntArray, "rows slots"]  # row of the elements index
    row: Int[IntArray, "rows"]  # within the epoch's plan, from which dropout keys are made


def batches(
    tokens: Tokens,
    windows: Int[np.ndarray, "windows"],
    plan: Plan,
    rows: params.Rows,
    pad_id: int,
    start: int = 0,
    labels: Int[np.ndarray, "elements"] | None = None,
) -> Iterator[Batch]:
    """Yield a plan's rows, `rows.per_step` at a time.

    Args:
      tokens: the store of the windows.
      windows: the windows of `tokens` to which the plan's indices point.
      plan: the windows of each row.
      rows: the shape of a batch.
      pad_id: the token id of padding.
      start: the first step to yield; a resumed run goes on in the middle.
      labels: a class for each element of the index; a batch without any has zeros.

    Yields:
      Batches of one shape; the last one is filled up with empty rows.
    """
    for first in range(start * rows.per_step, len(plan), rows.per_step):
        batch = _empty(rows, pad_id, first)
        for row, members in enumerate(plan[first : first + rows.per_step]):
            _fill_row(batch, row, [tokens.window(w) for w in windows[members].tolist()], labels)
        yield batch


def _empty(rows: params.Rows, pad_id: int, first: int) -> Batch:
    # One shape for every batch, the last included, so that a step compiles once. What isn't filled
    # has weight 0 and counts for nothing.
    tokens, slots = (rows.per_step, rows.length), (rows.per_step, rows.slots)
    return Batch(
        ids=np.full(tokens, pad_id, np.int32),
        segment=np.zeros(tokens, np.int32),
        position=np.zeros(tokens, np.int32),
        slot=np.full(tokens, -1, np.int32),
        label=np.zeros(slots, np.int32),
        weight=np.zeros(slots, np.float32),
        element=np.full(slots, -1, np.int32),
        row=np.arange(first, first + rows.per_step, dtype=np.int32),
    )


def _fill_row(
    batch: Batch, row: int, members: list[Window], labels: Int[np.ndarray, "elements"] | None
) -> None:
    # Segments count from 1, for 0 is padding. Positions begin anew in each window, so that it has
    # the logits that it would have alone.
    token = slot = 0
    for segment, window in enumerate(members, 1):
        there = slice(token, token + len(window.ids))
        batch.ids[row, there] = window.ids
        batch.segment[row, there] = segment
        batch.position[row, there] = np.arange(len(window.ids))
        batch.slot[row, there] = np.where(window.slot < 0, -1, window.slot.astype(np.int32) + slot)
        own = slice(slot, slot + len(window.element))
        if labels is not None:
            batch.label[row, own] = labels[window.element]
        batch.weight[row, own] = window.weight
        batch.element[row, own] = window.element
        token, slot = there.stop, own.stop
