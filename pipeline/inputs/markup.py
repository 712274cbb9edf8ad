"""Mark-up of an essay and its elements as one text, and the way back from tokens to elements."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from pipeline.inputs.markers import PARAGRAPH

_NEWLINES = re.compile(r"[\r\n]+")


class Element(NamedTuple):
    """An element and its character span in the essay; -1, -1 where it was not found."""

    marker: str  # that opens it
    text: str
    start: int
    end: int


class Marked(NamedTuple):
    """Text for a tokenizer, and the elements in the order in which they stand in it."""

    text: str
    spans: Int[np.ndarray, "elements 2"]  # characters of each element's own text, disjoint
    order: list[int]  # which of the given elements each span belongs to


class Owned(NamedTuple):
    """The elements to which the tokens of a marked-up text belong."""

    owner: Int[np.ndarray, "tokens"]  # index into the spans, or -1
    bodies: Int[np.ndarray, "elements 2"]  # tokens from an element's marker to its last own one


def mark_up(text: str, elements: Sequence[Element], reserved: re.Pattern[str]) -> Marked:
    """Open each element with the marker of its type and put a marker for each paragraph break.

    The whole text stays in order. Where elements overlap, the later one takes over from its
    start. An element that was not found is inserted after the one before it.

    Args:
      text: the essay.
      elements: in the order of their table.
      reserved: the special tokens; an essay that writes one has it broken up.
    """
    order = _reading_order(elements)
    starts = [elements[i].start for i in order if elements[i].start >= 0]
    builder, spans, cursor, found = _Builder(reserved), [], 0, 0
    for element in (elements[i] for i in order):
        own = element.text
        if element.start >= 0:
            builder.add(text[cursor : element.start])
            found += 1
            # An element ends where the next one begins, should it reach so far. So the text is
            # written once.
            cursor = min([max(element.end, element.start), *starts[found : found + 1]])
            own = text[element.start : cursor]
        builder.mark(element.marker)
        spans.append(builder.add(own))
        builder.spaced |= element.start < 0
    builder.add(text[cursor:])
    return Marked(builder.text(), np.array(spans, np.int64).reshape(-1, 2), order)


def _reading_order(elements: Sequence[Element]) -> list[int]:
    """Order elements by start; one that was not found stays behind the one before it."""
    keys, start = [], -1
    for i, element in enumerate(elements):
        start = element.start if element.start >= 0 else start
        keys.append((start, i))
    return [i for _, i in sorted(keys)]


class _Builder:
    """Marked-up text in the making.

    No space stands before a marker and one after it: a byte-level tokenizer then sees words as
    in running text, and no token that is nothing but a space.
    """

    def __init__(self, reserved: re.Pattern[str]) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._reserved = reserved
        self._since_marker = ""
        self.spaced = False  # the next word does not join on to what stands there

    def mark(self, marker: str) -> None:
        """Append a marker."""
        self._append(marker)
        self._since_marker = ""
        self.spaced = True

    def add(self, text: str) -> tuple[int, int]:
        """Append text, a run of newlines as one paragraph marker; return its span."""
        start = None
        for i, line in enumerate(_NEWLINES.split(text)):
            if i and self._parts[-1:] != [PARAGRAPH]:
                self.mark(PARAGRAPH)
            words = line.strip()
            self.spaced |= line[:1].isspace()
            if words:
                words = self._reserved.sub(_broken_up, words)
                gap = " " if self._parts and (self.spaced or self._joins(words)) else ""
                self._append(gap)
                start = self._length if start is None else start
                self._append(words)
                self._since_marker += gap + words
                self.spaced = line[-1].isspace()
        return (self._length if start is None else start), self._length

    def _joins(self, words: str) -> bool:
        """Tell whether `words` would complete a reserved one that the text before has begun."""
        border = len(self._since_marker)
        found = self._reserved.finditer(self._since_marker + words)
        return any(match.start() < border < match.end() for match in found)

    def text(self) -> str:
        """Return all that was appended."""
        return "".join(self._parts)

    def _append(self, part: str) -> None:
        if part:
            self._parts.append(part)
            self._length += len(part)


def _broken_up(found: re.Match[str]) -> str:
    return f"{found[0][:1]} {found[0][1:]}"


def reserve(special_tokens: Sequence[str]) -> re.Pattern[str]:
    """Make a pattern of the special tokens, which an essay must not be able to write."""
    # An alternation takes the first branch that fits, so a token has to stand before its prefixes.
    longest_first = sorted(set(special_tokens), key=lambda token: (-len(token), token))
    return re.compile("|".join(map(re.escape, longest_first)))


def plain(text: str, reserved: re.Pattern[str]) -> str:
    """Return the text of an element alone, without markers."""
    return reserved.sub(_broken_up, text)


def own(
    offsets: Int[np.ndarray, "tokens 2"],
    is_type: Bool[np.ndarray, "tokens"],
    is_marker: Bool[np.ndarray, "tokens"],
    spans: Int[np.ndarray, "elements 2"],
) -> Owned:
    """Tell each token's element: the one whose span holds the token's last character.

    The last and not the first, since a token may begin with the space before its word. A marker
    belongs to an element only where the element has no other token.

    Args:
      offsets: each token's characters in the marked-up text.
      is_type: tokens that open an element.
      is_marker: tokens that the mark-up put in, paragraph breaks too.
      spans: each element's characters.
    """
    markers = np.flatnonzero(is_type)
    if len(markers) != len(spans):
        raise AssertionError(f"{len(markers)} markers for {len(spans)} elements")
    last = offsets[:, 1] - 1
    nearest = np.searchsorted(spans[:, 0], last, side="right") - 1
    inside = (nearest >= 0) & (last < spans[nearest, 1]) & (offsets[:, 0] <= last) & ~is_marker
    owner = np.where(inside, nearest, -1)
    bare = np.bincount(owner[inside], minlength=len(spans)) == 0
    # Every element needs a token to be predicted from; without one of its own it gets its marker.
    owner[markers[bare]] = np.flatnonzero(bare)
    owned = np.flatnonzero(owner >= 0)
    ends = markers.copy()
    np.maximum.at(ends, owner[owned], owned)
    return Owned(owner, np.stack([markers, ends + 1], axis=1))
