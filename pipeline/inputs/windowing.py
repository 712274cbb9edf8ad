"""Batches of essays into columns of windows, and an account of what was cut."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from pipeline import params
from pipeline.clean_tables import END, START
from pipeline.errors import UserError
from pipeline.inputs import markup, windows
from pipeline.inputs.markers import PARAGRAPH
from pipeline.inputs.tokenizer import Tokenizer
from pipeline.inputs.tokens import Window
from pipeline.task import Task

COUNTS = (
    "essays",
    "elements",
    "elements_continued",  # over more than one window
    "elements_fullest_window",
    "elements_not_found",  # inserted
    "elements_without_text",  # their marker stands for them, or the first special token
    "sequences",  # essays, or elements alone
    "sequences_cut",
    "tokens",  # special ones, context and overlap included
    "tokens_left_out",  # context that no window has room for
    "tokens_longest_window",
    "tokens_of_overlap",
    "windows",
)


def window_columns(task: Task) -> pa.Schema:
    """Return the columns of a store of windows, which has a row for each."""
    return pa.schema(
        {
            task.essay_column: pa.string(),
            "input_ids": pa.list_(pa.int32()),
            "slot": pa.list_(pa.int16()),
            "element": pa.list_(pa.int32()),
            "weight": pa.list_(pa.float32()),
        }
    )


def content_columns(task: Task) -> list[str]:
    """Return the columns of the clean elements that windows are made from."""
    return [task.type_column, task.text_column, START, END]


class _Whole(NamedTuple):
    """A sequence to be cut into windows: a whole essay, or one element alone."""

    essay: str
    ids: Int[np.ndarray, "tokens"]
    owned: markup.Owned
    elements: Int[np.ndarray, "elements"]  # rows of the elements index


NO_TOPICS: Mapping[str, str] = MappingProxyType({})


def opening(tokenizer: Tokenizer, topic: str) -> list[int]:
    """Return the tokens before a window of an essay with this topic: special ones, then its own."""
    before, _ = tokenizer.special
    if not topic:
        return before
    (encoded,) = tokenizer.encode([markup.plain(topic, tokenizer.reserved) + PARAGRAPH])
    return [*before, *encoded.ids.tolist()]


def capacity(inputs: params.Inputs, tokenizer: Tokenizer, topic: str) -> int:
    """Return the tokens that a window has room for beside the special ones and the topic's."""
    return inputs.window - len(opening(tokenizer, topic)) - len(tokenizer.special[1])


class Windowing:
    """Turns batches of essays into columns of windows, and counts what it does."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        inputs: params.Inputs,
        task: Task,
        elements: pa.Table,
        index: pa.Table,
        topics: Mapping[str, str] = NO_TOPICS,
    ) -> None:
        """Hold the tables of the elements to be windowed.

        Args:
          tokenizer: the backbone's.
          inputs: context, length and overlap of windows.
          task: names of columns, and markers.
          elements: the columns that `content_columns` names.
          index: the essays of the same rows.
          topics: the text that opens each window of an essay; empty where none has one.
        """
        self.elements = elements
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self._tokenizer = tokenizer
        self._inputs = inputs
        self._task = task
        self._topics = topics
        self._columns = window_columns(task).names
        self._element_essays = index.column(task.essay_column).to_pylist()
        changes = [
            i
            for i, essay in enumerate(self._element_essays)
            if not i or essay != self._element_essays[i - 1]
        ]
        self._first = [*changes, len(self._element_essays)]  # element of each essay
        self._seen = np.zeros(len(self._element_essays))

    def check_essays(self, essay_ids: Sequence[str], path: Path) -> None:
        """Hold the essays against the elements, whose order they have to follow."""
        expected = [self._element_essays[first] for first in self._first[:-1]]
        if list(essay_ids) != expected:
            raise UserError(f"{path}: essays differ from those of the elements, or in order")

    def check_complete(self) -> None:
        """Check that every element has all of its tokens in windows, and at least one."""
        # Weights are float32 shares of an element's tokens, so their sum is 1 but for rounding.
        if not np.allclose(self._seen, 1.0, rtol=0.0, atol=1e-4):
            raise AssertionError(f"element {int(np.argmax(np.abs(self._seen - 1)))} is not whole")

    def batch(
        self, essay_ids: Sequence[str], texts: Sequence[str], rows: Sequence[int]
    ) -> dict[str, list[Any]]:
        """Make the windows of consecutive essays, as columns."""
        wholes = self._essays if self._inputs.context == "essay" else self._alone
        columns: dict[str, list[Any]] = {name: [] for name in self._columns}
        for whole in wholes(essay_ids, texts, rows):
            for window in self._windows(whole):
                for name, value in zip(self._columns, (whole.essay, *window), strict=True):
                    columns[name].append(value)
        self.counts["essays"] += len(rows)
        return columns

    def _elements_of(self, row: int) -> list[markup.Element]:
        first, end = self._first[row], self._first[row + 1]
        columns = self.elements.slice(first, end - first).to_pydict()
        return [
            markup.Element(self._task.markers[kind], *content)
            for kind, *content in zip(
                *(columns[name] for name in content_columns(self._task)), strict=True
            )
        ]

    def _essays(
        self, essay_ids: Sequence[str], texts: Sequence[str], rows: Sequence[int]
    ) -> Iterator[_Whole]:
        """Yield each essay as one sequence, its elements marked."""
        reserved = self._tokenizer.reserved
        marked = []
        for row, text in zip(rows, texts, strict=True):
            elements = self._elements_of(row)
            self.counts["elements_not_found"] += sum(e.start < 0 for e in elements)
            marked.append(markup.mark_up(text, elements, reserved))
        encoded = self._tokenizer.encode([m.text for m in marked])
        for row, essay, m, (ids, offsets) in zip(rows, essay_ids, marked, encoded, strict=True):
            is_type = np.isin(ids, self._tokenizer.type_ids)
            is_marker = np.isin(ids, self._tokenizer.marker_ids)
            owned = markup.own(offsets, is_type, is_marker, m.spans)
            bare = is_marker & (owned.owner >= 0)
            self.counts["elements_without_text"] += int(bare.sum())
            yield _Whole(essay, ids, owned, self._first[row] + np.array(m.order))

    def _alone(
        self, essay_ids: Sequence[str], texts: Sequence[str], rows: Sequence[int]
    ) -> Iterator[_Whole]:
        """Yield each element as a sequence of its own, without markers."""
        whose = []
        plain = []
        for row, essay in zip(rows, essay_ids, strict=True):
            for i, element in enumerate(self._elements_of(row), self._first[row]):
                self.counts["elements_not_found"] += element.start < 0
                whose.append((essay, i))
                plain.append(markup.plain(element.text, self._tokenizer.reserved))
        encoded = self._tokenizer.encode(plain)
        for (essay, i), (ids, _) in zip(whose, encoded, strict=True):
            owned = markup.Owned(np.zeros_like(ids), np.array([[0, len(ids)]]))
            self.counts["elements_without_text"] += not len(ids)
            yield _Whole(essay, ids, owned, np.array([i]))

    def _windows(self, whole: _Whole) -> list[Window]:
        elements, topic = whole.elements, self._topics[whole.essay] if self._topics else ""
        special = opening(self._tokenizer, topic), self._tokenizer.special[1]
        if not len(whole.ids):
            made = [windows.empty(elements, special)]
        else:
            room = capacity(self._inputs, self._tokenizer, topic)
            cuts = windows.cut(whole.owned.bodies, len(whole.ids), room, self._inputs.overlap)
            made = [
                windows.window(whole.ids, whole.owned.owner, cut, elements, special) for cut in cuts
            ]
            self.counts["tokens_left_out"] += windows.left_out(cuts, len(whole.ids))
            self.counts["tokens_of_overlap"] += windows.repeated(cuts)
        self._count(made)
        return made

    def _count(self, made: Sequence[Window]) -> None:
        """Count one sequence's windows."""
        counts = self.counts
        elements, parts = np.unique(np.concatenate([w.element for w in made]), return_counts=True)
        counts["sequences"] += 1
        counts["sequences_cut"] += len(made) > 1
        counts["elements"] += len(elements)
        counts["elements_continued"] += int((parts > 1).sum())
        counts["windows"] += len(made)
        for window in made:
            self._seen[window.element] += window.weight
            length, slots = len(window.ids), len(window.element)
            counts["tokens"] += length
            counts["tokens_longest_window"] = max(counts["tokens_longest_window"], length)
            counts["elements_fullest_window"] = max(counts["elements_fullest_window"], slots)
