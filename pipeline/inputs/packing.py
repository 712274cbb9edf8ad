"""Windows packed into rows: a plan by best fit, and the arrays of every step's rows."""

import bisect
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from pipeline import params
from pipeline.errors import UserError
from pipeline.inputs.tokens import Tokens, Window
from pipeline.seeds import packing_draws

Plan = list[Int[np.ndarray, "_"]]
"""The windows of each row."""


IntArray = np.ndarray | Array
Labels = Int[np.ndarray, " elements"] | Float[np.ndarray, "elements classes"]
"""A class of each element, or a probability of each class."""


class Batch(NamedTuple):
    """One step's rows; padding has segment 0, slot -1, weight 0 and element -1."""

    ids: Int[IntArray, "rows tokens"]
    segment: Int[IntArray, "rows tokens"]  # 1.. for the windows of a row
    position: Int[IntArray, "rows tokens"]  # starts again with each window
    slot: Int[IntArray, "rows tokens"]  # within the row; -1 where a token is no element's
    # A class, or a probability of each.
    label: Int[IntArray, "rows slots"] | Float[IntArray, "rows slots classes"]
    weight: Float[IntArray, "rows slots"]  # this part's share of its element's tokens
    element: Int[IntArray, "rows slots"]  # row of the elements index
    row: Int[IntArray, "rows"]  # within the epoch's plan, from which dropout keys are made


def plan(
    lengths: Int[np.ndarray, "windows"],
    n_slots: Int[np.ndarray, "windows"],
    rows: params.Rows,
    seed: int | None,
    epoch: int = 0,
) -> Plan:
    """Pack every window into exactly one row.

    A pure function of its arguments: the number of devices has no part in it.

    Args:
      lengths: tokens of each window.
      n_slots: elements of each window.
      rows: the shape of a row and the size of a pool.
      seed: draws the pools and the order of the rows; None keeps the windows' order throughout.
      epoch: another epoch draws other pools and another order.

    Returns:
      The windows of each row, as indices into `lengths`.

    Raises:
      UserError: a window is longer than a row or holds more elements than a row may.
    """
    check_rows(lengths, n_slots, rows, "rows")
    rng = None if seed is None else packing_draws(seed, epoch)
    order = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    # Over all windows best fit would put the same lengths together in every epoch. Pools drawn anew
    # give a window other neighbours each time, and some thousands of windows still fill rows well.
    packed: Plan = []
    for pool in np.array_split(order, -(-len(order) // rows.pool) or 1):
        # Longest first, so that short windows are left to fill the gaps.
        longest_first = pool[np.argsort(-lengths[pool], kind="stable")]
        packed += _best_fit(longest_first, lengths, n_slots, rows)
    # A pool's rows come out with the longest windows first, but a step should see all lengths.
    if rng is not None:
        packed = [packed[i] for i in rng.permutation(len(packed))]
    return packed


def fill(lengths: Int[np.ndarray, "windows"], plan: Plan, row_length: int) -> float:
    """Return the share of a plan's tokens that are real."""
    return float(lengths.sum()) / (len(plan) * row_length) if plan else 0.0


def batches(
    tokens: Tokens,
    windows: Int[np.ndarray, "windows"],
    plan: Plan,
    rows: params.Rows,
    pad_id: int,
    start: int = 0,
    labels: Labels | None = None,
) -> Iterator[Batch]:
    """Yield a plan's rows, `rows.per_step` at a time.

    Args:
      tokens: the store of the windows.
      windows: the windows of `tokens` to which the plan's indices point.
      plan: the windows of each row.
      rows: the shape of a batch.
      pad_id: the token id of padding.
      start: the first step to yield; a resumed run goes on in the middle.
      labels: of each element of the index; a batch without any has zeros.

    Yields:
      Batches of one shape; the last one is filled up with empty rows.
    """
    for first in range(start * rows.per_step, len(plan), rows.per_step):
        batch = _empty(rows, pad_id, first, labels)
        for row, members in enumerate(plan[first : first + rows.per_step]):
            _fill_row(batch, row, [tokens.window(w) for w in windows[members].tolist()], labels)
        yield batch


def check_rows(
    lengths: Int[np.ndarray, "windows"],
    n_slots: Int[np.ndarray, "windows"],
    rows: params.Rows,
    where: str,
) -> None:
    """Hold the shape of a row to the windows; `where` is for messages.

    Raises:
      UserError: a window is longer than a row or holds more elements than a row may.
    """
    longest, fullest = int(lengths.max(initial=0)), int(n_slots.max(initial=0))
    if longest > rows.length:
        raise UserError(
            f"{where}.length: {rows.length} tokens, but the longest window has {longest}; "
            f"expected at least inputs.window"
        )
    if fullest > rows.slots:
        raise UserError(
            f"{where}.slots: {rows.slots} elements, but the fullest window has {fullest}; "
            f"expected at least {fullest}"
        )


def _best_fit(
    order: Int[np.ndarray, "pool"],
    lengths: Int[np.ndarray, "windows"],
    n_slots: Int[np.ndarray, "windows"],
    rows: params.Rows,
) -> Plan:
    """Put each window, in order, into the open row that it leaves the least room in."""
    packed: list[list[int]] = []
    vacancies = _Vacancies(rows.length)
    # Plain numbers: reading single elements out of an array would take most of the time.
    for window, length, slots in zip(
        order.tolist(), lengths[order].tolist(), n_slots[order].tolist(), strict=True
    ):
        found = vacancies.take(length, slots)
        if found is None:
            found = (rows.length, rows.slots, len(packed))
            packed.append([])
        room, free, row = found
        packed[row].append(window)
        vacancies.put(room - length, free - slots, row)
    return [np.array(row, np.int64) for row in packed]


class _Vacancies:
    """Open rows by the tokens free in them; each search takes the logarithm of a row's length.

    A binary tree over the number of free tokens holds in each node the most slots that are free
    in a row below it, so that a row with room and slots is found without a scan.
    """

    def __init__(self, row_length: int) -> None:
        # Leaves are `size` to 2 `size` - 1, one for each number of free tokens; the parent of a
        # node is half its number. With a scan of rows packing would take quadratic time.
        self._size = 1 << row_length.bit_length()
        self._most = [-1] * (2 * self._size)
        self._rows: dict[int, list[tuple[int, int]]] = defaultdict(list)  # sorted (slots, row)

    def take(self, length: int, slots: int) -> tuple[int, int, int] | None:
        """Remove and return (free tokens, free slots, row) of the tightest fit, if any."""
        room = self._first(length, slots)
        if room is None:
            return None
        # Of the rows with that many tokens free, the one with the fewest slots that suffice.
        here = self._rows[room]
        free, row = here.pop(bisect.bisect_left(here, (slots, -1)))
        self._update(room)
        return room, free, row

    def put(self, room: int, free: int, row: int) -> None:
        """Open a row, unless no window could go into it."""
        if room and free:
            bisect.insort(self._rows[room], (free, row))
            self._update(room)

    def _update(self, room: int) -> None:
        here = self._rows[room]
        node = room + self._size
        self._most[node] = here[-1][0] if here else -1
        while node > 1:
            node //= 2
            most = max(self._most[2 * node], self._most[2 * node + 1])
            # Nothing above changes either.
            if self._most[node] == most:
                break
            self._most[node] = most

    def _first(self, length: int, slots: int) -> int | None:
        """Find the fewest free tokens, at least `length`, of a row with so many free slots."""
        # From the leaf of `length`, look at ever larger subtrees to its right until one has the
        # slots. Then go down in it, to the left wherever that side has them.
        node = length + self._size
        while self._most[node] < slots:
            while node % 2:  # a right child: nothing stands further right below its parent
                if node == 1:
                    return None
                node //= 2
            node += 1
        while node < self._size:
            node *= 2
            node += self._most[node] < slots
        return node - self._size


def _empty(rows: params.Rows, pad_id: int, first: int, labels: Labels | None) -> Batch:
    # One shape for every batch, the last included, so that a step compiles once. What isn't filled
    # has weight 0 and counts for nothing.
    tokens, slots = (rows.per_step, rows.length), (rows.per_step, rows.slots)
    if labels is None or labels.ndim == 1:
        label = np.zeros(slots, np.int32)
    else:
        label = np.zeros((*slots, labels.shape[1]), np.float32)
    return Batch(
        ids=np.full(tokens, pad_id, np.int32),
        segment=np.zeros(tokens, np.int32),
        position=np.zeros(tokens, np.int32),
        slot=np.full(tokens, -1, np.int32),
        label=label,
        weight=np.zeros(slots, np.float32),
        element=np.full(slots, -1, np.int32),
        row=np.arange(first, first + rows.per_step, dtype=np.int32),
    )


def _fill_row(batch: Batch, row: int, members: list[Window], labels: Labels | None) -> None:
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
