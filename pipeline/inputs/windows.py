"""Sequences cut into windows at the bounds of elements."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from pipeline.inputs.tokens import Window


class Cut(NamedTuple):
    """A window's tokens [begin, end); those before `fresh` are context from the window before."""

    begin: int
    fresh: int
    end: int


def cut(
    bodies: Int[np.ndarray, "elements 2"], total: int, capacity: int, overlap: int
) -> list[Cut]:
    """Cut a sequence into windows of at most `capacity` tokens.

    A window takes as many whole elements as fit, each with the text before it. An element that is
    longer than a window opens one and goes on in the next. Text between elements that fits into
    neither of its windows is left out, and so is overlap that would push out an element.

    Args:
      bodies: each element's tokens with its marker, in order, disjoint.
      total: tokens of the sequence.
      capacity: tokens of a window, special ones aside; more than `overlap`.
      overlap: tokens of preceding context in a further window.
    """
    # An element that is cut is read in parts that don't attend to each other. So cuts go between
    # elements wherever they can.
    cuts: list[Cut] = []
    for start, stop in bodies.tolist():
        if cuts and stop - cuts[-1].begin <= capacity:
            cuts[-1] = cuts[-1]._replace(end=stop)
        else:
            done = cuts[-1].end if cuts else 0
            cuts += _open(start, stop, start - done + overlap, capacity, overlap)
    # The text behind a window's last element is context too: it goes in as far as there is room,
    # up to where the next window begins.
    nexts = [following.begin for following in cuts[1:]] + [total]
    return [
        here._replace(end=max(here.end, min(here.begin + capacity, until)))
        for here, until in zip(cuts, nexts, strict=False)  # no cuts: one too many
    ]


def _open(start: int, stop: int, context: int, capacity: int, overlap: int) -> list[Cut]:
    """Open windows for one element, the first with up to `context` tokens before it."""
    begin = start - max(0, min(context, start, capacity - (stop - start)))
    cuts = [Cut(begin, start, min(stop, begin + capacity))]
    while cuts[-1].end < stop:
        fresh = cuts[-1].end
        begin = fresh - min(overlap, fresh)
        cuts.append(Cut(begin, fresh, min(stop, begin + capacity)))
    return cuts


def left_out(cuts: Sequence[Cut], total: int) -> int:
    """Count the tokens of a sequence that no window holds."""
    seen = np.zeros(total, bool)
    for here in cuts:
        seen[here.begin : here.end] = True
    return int(total - seen.sum())


def repeated(cuts: Sequence[Cut]) -> int:
    """Count the tokens that a window shows again after the one before it."""
    pairs = itertools.pairwise(cuts)
    return sum(max(0, here.end - following.begin) for here, following in pairs)


def empty(elements: Int[np.ndarray, "1"], special: tuple[list[int], list[int]]) -> Window:
    """Make the window of an element without any token: its first special token stands for it."""
    ids = np.array([*special[0], *special[1]], np.int32)
    slot = np.full(len(ids), -1, np.int16)
    slot[0] = 0
    return Window(
        ids=ids,
        slot=slot,
        element=elements.astype(np.int32),
        weight=np.ones(1, np.float32),
    )


def window(
    ids: Int[np.ndarray, "tokens"],
    owner: Int[np.ndarray, "tokens"],
    here: Cut,
    elements: Int[np.ndarray, "elements"],
    special: tuple[list[int], list[int]],
) -> Window:
    """Make one window's arrays.

    Args:
      ids: the sequence.
      owner: each token's element, or -1.
      here: the window's tokens.
      elements: each element's row in the elements index.
      special: token ids before and after every window.
    """
    before, after = special
    # Context was the window before's own. Here it belongs to no element, so that each token of an
    # element counts once and the weights of its parts sum to 1.
    mine = owner[here.begin : here.end].copy()
    mine[: here.fresh - here.begin] = -1
    present, slot, counts = np.unique(mine[mine >= 0], return_inverse=True, return_counts=True)
    mine[mine >= 0] = slot
    whole = np.bincount(owner[owner >= 0], minlength=len(elements))
    return Window(
        ids=np.concatenate([before, ids[here.begin : here.end], after]).astype(np.int32),
        slot=np.pad(mine, (len(before), len(after)), constant_values=-1).astype(np.int16),
        element=elements[present].astype(np.int32),
        weight=(counts / whole[present]).astype(np.float32),
    )
