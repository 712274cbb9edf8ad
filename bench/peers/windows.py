"""The essays of a comparison as flat arrays, for peers that lack this project (numpy only)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Windows(NamedTuple):
    """Token windows of whole essays; their tokens and elements stand one after another.

    Attributes:
      number: each window's number in the configuration's own store.
      held: whether its essay is kept from training.
      lengths: tokens of each window.
      n_slots: elements of each window.
      ids: of every token.
      slot: of every token, its element within the window, or -1.
      element: of every slot, a number for the element, which may go on in a further window.
      label: of every slot.
      weight: of every slot, the share of its element's tokens.
    """

    number: np.ndarray
    held: np.ndarray
    lengths: np.ndarray
    n_slots: np.ndarray
    ids: np.ndarray
    slot: np.ndarray
    element: np.ndarray
    label: np.ndarray
    weight: np.ndarray

    def save(self, path: Path) -> None:
        """Write all arrays into one file."""
        np.savez(path, **self._asdict())

    @classmethod
    def load(cls, path: str) -> "Windows":
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(*(arrays[name] for name in cls._fields))

    def elements(self, windows: np.ndarray) -> int:
        """How many elements are in the windows of a mask."""
        return len(np.unique(self.element[np.repeat(windows, self.n_slots)]))

    def padded(self, chosen: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        """Windows side by side, padded to the longest; slots are numbered over the whole batch.

        Returns:
          "ids", "mask" and "slot" of [windows, tokens] (slot -1: of no element), and "element",
          "label" and "weight" of all slots.
        """
        tokens, slots = _starts(self.lengths), _starts(self.n_slots)
        shape = (len(chosen), int(self.lengths[chosen].max()))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        slot, first = np.full(shape, -1, np.int64), 0
        own = []
        for row, window in enumerate(chosen):
            there, length = slice(tokens[window], tokens[window + 1]), self.lengths[window]
            ids[row, :length], mask[row, :length] = self.ids[there], 1
            in_window = self.slot[there].astype(np.int64)
            slot[row, :length] = np.where(in_window < 0, -1, in_window + first)
            own.append(np.arange(slots[window], slots[window + 1]))
            first += int(self.n_slots[window])
        all_slots = np.concatenate(own)
        return {
            "ids": ids,
            "mask": mask,
            "slot": slot,
            "element": self.element[all_slots].astype(np.int64),
            "label": self.label[all_slots].astype(np.int64),
            "weight": self.weight[all_slots],
        }


def _starts(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)])


def gather(tokens: Any, labels: np.ndarray, index: np.ndarray, held: np.ndarray) -> Windows:
    """Collect windows of a `pipeline.inputs.tokens.Tokens`; `labels` are those of its elements."""
    views = [tokens.window(int(i)) for i in index]
    flat = {
        name: np.concatenate([getattr(view, name) for view in views])
        for name in ("ids", "slot", "element", "weight")
    }
    label = labels[flat["element"]]
    return Windows(index, held, tokens.lengths[index], tokens.n_slots[index], label=label, **flat)


def draw(essay_ids: Sequence[str], among: np.ndarray, essays: int) -> np.ndarray:
    """All windows of some essays, drawn evenly from those that `among` has windows of.

    Args:
      essay_ids: of every window of the store.
      among: windows to draw from.
      essays: how many; more than there are takes all.
    """
    names = list(dict.fromkeys(essay_ids[i] for i in among))
    places = np.linspace(0, len(names) - 1, min(essays, len(names))).round().astype(int)
    chosen = {names[i] for i in places}
    return np.array([i for i in among if essay_ids[i] in chosen], np.int64)


def grouped(lengths: np.ndarray, area: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Windows of like length together, as much as fits into a padded batch of `area` tokens.

    Windows are sorted by length, equals in a drawn order, so padding is least; the order of the
    batches is drawn. A window that is longer than `area` is a batch of its own.
    """
    drawn = rng.permutation(len(lengths))
    order = drawn[np.argsort(lengths[drawn], kind="stable")]
    groups: list[list[int]] = []
    for window in order:
        if groups and (len(groups[-1]) + 1) * lengths[window] <= area:
            groups[-1].append(window)
        else:
            groups.append([window])
    return [np.array(groups[i]) for i in rng.permutation(len(groups))]


def log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean log loss of rows of logits, in float64."""
    rows = logits.astype(np.float64)
    rows = rows - rows.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp(rows).sum(axis=1))
    return float((normaliser - rows[np.arange(len(rows)), labels]).mean())


class Pool:
    """Sums of token logits over windows, for the mean over each element's tokens."""

    def __init__(self) -> None:
        self._sums: dict[int, np.ndarray] = {}
        self._counts: dict[int, float] = {}
        self._labels: dict[int, int] = {}

    def add(
        self, elements: np.ndarray, labels: np.ndarray, sums: np.ndarray, counts: np.ndarray
    ) -> None:
        """Take in a batch's slots: [slots], [slots], [slots, labels], [slots]."""
        for element, label, total, count in zip(elements, labels, sums, counts, strict=True):
            key = int(element)
            self._sums[key] = self._sums.get(key, 0.0) + total.astype(np.float64)
            self._counts[key] = self._counts.get(key, 0.0) + float(count)
            self._labels[key] = int(label)

    def __len__(self) -> int:
        return len(self._labels)

    def loss(self) -> float:
        """Log loss of all elements that were taken in."""
        logits = np.stack([self._sums[key] / self._counts[key] for key in self._labels])
        return log_loss(logits, np.array(list(self._labels.values())))
