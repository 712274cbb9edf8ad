"""Reduce texts to what a reader sees; map spans in them back to the original."""

import bisect
import unicodedata
from typing import Final, NamedTuple

import regex

# Characters that NFC leaves alone, and that are graphemes of their own unless a mark follows.
_PLAIN: Final = r"!-~\u00a1-\u00ac\u00ae-\u02af\u2010-\u2027"
_PIECE: Final = regex.compile(
    rf"(?P<plain>[{_PLAIN}]+(?: [{_PLAIN}]+)*)(?![^{_PLAIN}\s])"
    r"|\X"  # a grapheme
)
_UNSEEN: Final = regex.compile(r"\p{Default_Ignorable_Code_Point}+")


class Span(NamedTuple):
    """Characters `start` to `end` (exclusive) of an essay; (-1, -1) where there is nothing."""

    start: int
    end: int


class _Piece(NamedTuple):
    """A part of a folded text and its source: plain characters one for one, or one grapheme."""

    folded: Span
    original: Span
    plain: bool


class Folded:
    """A text in NFC, without invisible characters, stripped, one space between words.

    Invisible is what Unicode calls Default_Ignorable_Code_Point: zero-width characters, byte order
    marks, soft hyphens, variation selectors. Graphemes are those of Unicode's annex 29.

    Attributes:
      text: the folded text.
    """

    def __init__(self, original: str) -> None:
        self._pieces: list[_Piece] = []
        self._starts: list[int] = []
        parts: list[str] = []
        length, gap = 0, ""
        for match in _PIECE.finditer(original):
            plain = match.lastgroup == "plain"
            part = match.group() if plain else _seen(match.group())
            if part[:1].isspace():  # alone, or under a mark
                gap, part = " " if parts else "", part.lstrip()
            if part:
                start = length + len(gap)
                length = start + len(part)
                parts += [gap, part]
                gap = ""
                self._starts.append(start)
                self._pieces.append(_Piece(Span(start, length), Span(*match.span()), plain))
        self.text = "".join(parts)

    def places(self, text: str) -> list[Span]:
        """Find every span of the original where a folded text stands, in order.

        Repeats may overlap. A span that would cut through a grapheme is left out.
        """
        found: list[Span] = []
        start = self.text.find(text) if text else -1
        while start >= 0:
            span = self._original(start, start + len(text))
            if span is not None:
                found.append(span)
            start = self.text.find(text, start + 1)
        return found

    def _original(self, start: int, end: int) -> Span | None:
        first, last = self._piece(start), self._piece(end - 1)
        begin, stop = first.original.start, last.original.end
        if first.plain:
            begin += start - first.folded.start
        elif start > first.folded.start:
            return None
        if last.plain:
            stop -= last.folded.end - end
        elif end < last.folded.end:
            return None
        return Span(begin, stop)

    def _piece(self, index: int) -> _Piece:
        """Find the piece of a character other than a space between words."""
        return self._pieces[bisect.bisect_right(self._starts, index) - 1]


def _seen(grapheme: str) -> str:
    return unicodedata.normalize("NFC", _UNSEEN.sub("", grapheme))


def fold(text: str) -> str:
    """Return the folded text alone."""
    return Folded(text).text
