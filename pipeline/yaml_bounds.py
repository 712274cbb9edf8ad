"""Bounds of a person's YAML, held on the stream of events, before a value is made of it.

An alias costs a word and may stand for a billion values, or for itself. A number such as 1_0 or
0o17 is text for one reader and a number for another: this project would train on what DVC doesn't
see. So there are no tags, and a plain word that looks like a number is one as JSON has it.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
)
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError

from pipeline.errors import UserError
from pipeline.mistakes import short, shown

DEPTH, VALUES = 32, 100_000
_TAG = "tag:yaml.org,2002:"
_DIGITS = 18
_INTEGER = rf"[-+]?(0|[1-9][0-9]{{0,{_DIGITS - 1}}})"
_NUMBER = re.compile(
    rf"{_INTEGER}|({_INTEGER}\.[0-9]*|{_INTEGER}|[-+]?\.[0-9]+)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
# Unicode's categories: those, surrogates, breaks of lines.
_CONTROL = {"Cc", "Cs", "Zl", "Zp"}


def check_bounds(text: str, path: Path) -> None:
    """Hold a text to YAML's grammar and to this project's bounds; `path` is for messages.

    Raises:
      UserError: it is no YAML, or beyond a bound; it names the line.
    """
    yaml = YAML(typ="safe", pure=True)
    bounds = _Bounds(yaml.resolver)
    try:
        for event in yaml.parse(text):
            for fault in bounds.faults(event):
                raise UserError(f"{path}: line {event.start_mark.line + 1}: {fault}")
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"unacceptable character {chr(error.character)!r}"
        raise UserError(f"{path}: not YAML: line {line}: {found}") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1
        raise UserError(f"{path}: not YAML: line {line}: {error.problem}") from None
    except YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None


@dataclass
class _Collection:
    """A list or a mapping that is not yet at its end.

    Attributes:
      kind: in words.
      anchor: its name for aliases, if it has one.
      keys: those of a mapping so far.
      takes_key: whether its next child is a key.
      values: what it holds, aliases written out, itself included.
    """

    kind: str
    anchor: str | None
    takes_key: bool
    keys: set[str] = field(default_factory=set)
    values: int = 1


class _Bounds:
    """The walk over one text's events."""

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self._open: list[_Collection] = []
        # Kind and values of what is at its end.
        self._anchored: dict[str, tuple[str, int]] = {}
        self._documents = 0

    def faults(self, event: object) -> Iterator[str]:
        """Take an event in; yield what is wrong with it."""
        match event:
            case DocumentStartEvent(version=version):
                self._documents += 1
                if self._documents > 1:
                    yield "a second document; expected one"
                if version not in (None, (1, 2)):
                    yield f"%YAML {'.'.join(map(str, version))}: expected 1.2"
            case CollectionStartEvent():
                yield from self._start(event)
            case CollectionEndEvent():
                ended = self._open.pop()
                yield from self._hold(ended.kind, ended.values, ended.anchor)
            case AliasEvent(anchor=name):
                yield from self._alias(name)
            case ScalarEvent(anchor=anchor):
                yield from self._scalar(event)
                yield from self._hold("text", 1, anchor)

    def _start(self, event: CollectionStartEvent) -> Iterator[str]:
        is_mapping = isinstance(event, MappingStartEvent)
        kind = "mapping" if is_mapping else "list"
        yield from _tag(event.ctag)
        if self._open and self._open[-1].takes_key:
            yield f"a {kind} as a key; expected text"
        if len(self._open) == DEPTH:
            yield f"nested deeper than {DEPTH} levels"
        self._open.append(_Collection(kind, event.anchor, takes_key=is_mapping))

    def _alias(self, name: str) -> Iterator[str]:
        if name in [one.anchor for one in self._open]:
            yield f"*{name} stands inside of &{name} itself"
        elif name not in self._anchored:
            yield f"*{name}: no such anchor"
        else:
            kind, values = self._anchored[name]
            if self._open[-1].takes_key and kind != "text":
                yield f"a {kind} as a key; expected text"
            yield from self._hold(kind, values, None)

    def _scalar(self, event: ScalarEvent) -> Iterator[str]:
        word = event.value
        yield from _tag(event.ctag)
        if any(unicodedata.category(letter) in _CONTROL for letter in word):
            yield f"{shown(word)}: a control character"
        is_key = bool(self._open) and self._open[-1].takes_key
        # What stands in quotes is text.
        meant = str(self._resolver.resolve(ScalarNode, word, event.implicit)).removeprefix(_TAG)
        if is_key and meant not in ("str", "merge"):
            yield f"key {short(word) or 'null'}: expected text; put it in quotes"
        elif meant == "timestamp":
            yield f"{word}: a date; put text in quotes"
        elif meant in ("int", "float") and not _NUMBER.fullmatch(word):
            expected = f"expected a decimal number of at most {_DIGITS} digits, or text in quotes"
            yield f"{short(word)}: {expected}"
        if is_key and meant == "str":
            if word in self._open[-1].keys:
                yield f"key {shown(word)} stands twice"
            self._open[-1].keys.add(word)

    def _hold(self, kind: str, values: int, anchor: str | None) -> Iterator[str]:
        """Count a child that is at its end in what holds it."""
        if anchor is not None:
            self._anchored[anchor] = kind, values
        if not self._open:
            return
        holder = self._open[-1]
        holder.values += values
        # A key is followed by its value, and the value by the next key.
        holder.takes_key = holder.kind == "mapping" and not holder.takes_key
        if holder.values > VALUES:
            yield f"more than {VALUES:,} values, aliases written out"


def _tag(tag: object) -> Iterator[str]:
    if tag is not None:
        yield f"tag {str(tag).replace(_TAG, '!!')}: expected none"
