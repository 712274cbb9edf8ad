"""Where the elements stand in their essay."""

import bisect
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

_WORD: Final = re.compile(r"\S+")


class Span(NamedTuple):
    """Characters `start` to `end` (exclusive) of an essay; (-1, -1) where there is nothing."""

    start: int
    end: int


NOT_FOUND: Final = Span(-1, -1)


class Squeezed:
    """An essay with every run of white space as one space, and the way back to its characters."""

    def __init__(self, essay: str) -> None:
        self._squeezed: list[int] = []  # where each word starts in `text`
        self._original: list[int] = []  # and in the essay
        words: list[str] = []
        length = 0
        for match in _WORD.finditer(essay):
            self._squeezed.append(length)
            self._original.append(match.start())
            words.append(match.group())
            length += len(match.group()) + 1
        self.text = " ".join(words)

    def original(self, index: int) -> int:
        """The index in the essay of a character of `text` that is no space."""
        word = bisect.bisect_right(self._squeezed, index) - 1
        return self._original[word] + index - self._squeezed[word]


def squeeze(text: str) -> str:
    """The text stripped, with every run of white space as one space."""
    return " ".join(_WORD.findall(text))


def find_spans(essay: str, elements: Iterable[str]) -> list[Span]:
    """Find each element after the end of the one before it.

    A run of white space in an element stands for any run in the essay. The cursor keeps repeated
    texts apart and stays where it is when an element is not found.

    Args:
      essay: the whole text.
      elements: the elements' texts in order.

    Returns:
      A span for each element, `NOT_FOUND` for those that don't occur after the cursor.
    """
    squeezed = Squeezed(essay)
    cursor = 0
    spans: list[Span] = []
    for element in elements:
        text = squeeze(element)
        start = squeezed.text.find(text, cursor) if text else -1
        if start < 0:
            spans.append(NOT_FOUND)
            continue
        cursor = start + len(text)
        spans.append(Span(squeezed.original(start), squeezed.original(cursor - 1) + 1))
    return spans
