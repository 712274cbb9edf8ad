"""Which windows share a row: best fit, longest first, within seeded pools."""

import bisect
import zlib
from collections import defaultdict

import numpy as np
from jaxtyping import Int

from pipeline import params
from pipeline.errors import UserError

Plan = list[Int[np.ndarray, "_"]]
"""The windows of each row."""


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
    _check(lengths, n_slots, rows)
    rng = None if seed is None else _stream(seed, epoch)
    order = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    packed: Plan = []
    for pool in np.array_split(order, -(-len(order) // rows.pool) or 1):
        longest_first = pool[np.argsort(-lengths[pool], kind="stable")]
        packed += _best_fit(longest_first, lengths, n_slots, rows)
    if rng is not None:
        packed = [packed[i] for i in rng.permutation(len(packed))]
    return packed


def fill(lengths: Int[np.ndarray, "windows"], plan: Plan, row_length: int) -> float:
    """The share of a plan's tokens that are real."""
    return float(lengths.sum()) / (len(plan) * row_length) if plan else 0.0


def _stream(seed: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng([seed % 2**64, epoch, zlib.crc32(b"packing")])


def _check(
    lengths: Int[np.ndarray, "windows"], n_slots: Int[np.ndarray, "windows"], rows: params.Rows
) -> None:
    longest, fullest = int(lengths.max(initial=0)), int(n_slots.max(initial=0))
    if longest > rows.length:
        raise UserError(
            f"rows.length: {rows.length} tokens, but the longest window has {longest}; "
            f"expected at least inputs.window"
        )
    if fullest > rows.slots:
        raise UserError(
            f"rows.slots: {rows.slots} elements, but the fullest window has {fullest}; "
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
        self._size = 1 << row_length.bit_length()
        self._most = [-1] * (2 * self._size)
        self._rows: dict[int, list[tuple[int, int]]] = defaultdict(list)  # sorted (slots, row)

    def take(self, length: int, slots: int) -> tuple[int, int, int] | None:
        """Remove and return (free tokens, free slots, row) of the tightest fit, if any."""
        room = self._first(length, slots)
        if room is None:
            return None
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
            if self._most[node] == most:
                break
            self._most[node] = most

    def _first(self, length: int, slots: int) -> int | None:
        """The least number of free tokens, from `length` up, with a row of so many free slots."""
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
