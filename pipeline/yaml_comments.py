"""Comments of a YAML text by the keys that they belong to, read off one and put into another."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

Key = tuple[str, ...]
END: Key = ()
"""The key of what stands below the last one."""


@dataclass(frozen=True)
class Comment:
    """Words on a key's line and on the lines above it, beside YAML.

    Attributes:
      above: comments and blank lines over the key.
      beside: the comment at the end of its line, empty where there is none.
      column: of `beside`.
    """

    above: tuple[str, ...] = ()
    beside: str = ""
    column: int = 0

    def over(self, other: "Comment") -> "Comment":
        """Take from `other` what this one leaves unsaid."""
        above = self.above if any(map(str.strip, self.above)) else other.above
        beside = self if self.beside else other
        return Comment(above, beside.beside, beside.column)


def read_comments(text: str, tree: CommentedMap) -> dict[Key, Comment]:
    """Collect the comments of a text that holds `tree`; those of a line go to its first key."""
    lines, found = text.splitlines(), {}
    ends = _ends(text)
    for line, keys in _places(tree).items():
        rest = lines[line][ends[line] :]
        column = ends[line] + len(rest) - len(rest.lstrip())
        # The head of a text in lines of its own, as `>-`, is no token that ends there.
        beside = rest.strip() if rest.lstrip().startswith("#") else ""
        found[keys[0]] = Comment(_above(lines, line), beside, column)
    found[END] = Comment(_above(lines, len(lines)))
    return found


def with_comments(text: str, comments: Mapping[Key, Comment]) -> str:
    """Put comments into a text without any, each at its key; those of other keys are left out."""
    places, lines = _places(YAML().load(text)), []
    for number, line in enumerate(text.splitlines()):
        indent = " " * (len(line) - len(line.lstrip()))
        for comment in (comments[key] for key in places.get(number, ()) if key in comments):
            if comment.above:
                above = textwrap.dedent("\n".join(comment.above)).split("\n")
                lines += [f"{indent}{one}".rstrip() for one in above]
            if comment.beside:
                line = f"{line:<{comment.column - 2}}  {comment.beside}"
        lines.append(line)
    return "\n".join([*lines, *comments.get(END, Comment()).above]) + "\n"


def _places(tree: CommentedMap) -> dict[int, list[Key]]:
    """Find the keys that begin on each line, by the line's number."""
    places: dict[int, list[Key]] = {}
    for line, key in sorted(_keys(tree, ()), key=lambda place: place[0]):
        places.setdefault(line, []).append(key)
    return places


def _keys(tree: object, parents: Key) -> Iterator[tuple[int, Key]]:
    if isinstance(tree, CommentedMap):
        for name in tree.lc.data or ():
            yield tree.lc.key(name)[0], (*parents, name)
            yield from _keys(tree[name], (*parents, name))


def _ends(text: str) -> dict[int, int]:
    """Find the column behind the last token of each line that has one."""
    ends: dict[int, int] = {}
    for token in YAML(typ="safe", pure=True).scan(text):
        line, column = token.end_mark.line, token.end_mark.column
        ends[line] = max(ends.get(line, 0), column)
    return ends


def _above(lines: list[str], line: int) -> tuple[str, ...]:
    first = line
    while first > 0 and lines[first - 1].lstrip()[:1] in ("", "#"):
        first -= 1
    return tuple(lines[first:line])
