"""An essay from outside of the competition's files: its text, and elements where they are told."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.competition.schema import TYPES
from pipeline.errors import UserError
from pipeline.mistakes import nearest, shown

# The schema has the types in the order of an essay: what opens it, what fills it, what ends it.
_FIRST, _BETWEEN, _LAST = TYPES[0], TYPES[max(len(TYPES) - 2, 0)], TYPES[-1]
_BLANK = re.compile(r"(?:\r?\n[^\S\n]*){2,}")


@dataclass(frozen=True)
class Draft:
    """An essay to predict.

    Attributes:
      text: the whole of it.
      elements: type and text of each.
      notes: a line for what was not told, but chosen.
    """

    text: str
    elements: Sequence[tuple[str, str]]
    notes: Sequence[str] = field(default=())


def read_draft(content: str, where: str, as_json: bool) -> Draft:
    """Read an essay.

    Args:
      content: a text, or JSON as {"text": ..., "elements": [{"type": ..., "text": ...}]}.
      where: its file, for messages.
      as_json: whether it is JSON.

    Raises:
      UserError: there is no text, or something else than JSON of this form.
    """
    if not as_json:
        return _by_paragraphs(_text(content, where))
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON: {' '.join(str(error).split())}") from None
    keys = _keys(tree, ("text", "elements"), where)
    text = _text(keys.get("text"), f"{where}: text")
    elements = keys.get("elements") or []
    if not isinstance(elements, list):
        raise UserError(f"{where}: elements: expected a list, found {shown(elements)}")
    told = [_element(one, f"{where}: elements[{i}]") for i, one in enumerate(elements)]
    return Draft(text, told) if told else _by_paragraphs(text)


def _element(tree: Any, where: str) -> tuple[str, str]:
    keys = _keys(tree, ("type", "text"), where)
    kind = keys.get("type")
    if kind not in TYPES:
        raise UserError(f"{where}: type: no {shown(kind)}{nearest(str(kind), TYPES)}")
    return kind, _text(keys.get("text"), f"{where}: text")


def _keys(tree: Any, valid: Sequence[str], where: str) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise UserError(f"{where}: expected keys {' and '.join(valid)}, found {shown(tree)}")
    for key in tree:
        if key not in valid:
            raise UserError(f"{where}: unknown key {key!r}{nearest(key, valid)}")
    return tree


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where}: expected a text, found {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UserError(f"{where}: expected Unicode, found half a surrogate pair") from None
    return value


def _by_paragraphs(text: str) -> Draft:
    """Let paragraphs be elements; without a blank line every line is one."""
    paragraphs = [part.strip() for part in _BLANK.split(text) if part.strip()]
    if len(paragraphs) == 1:
        paragraphs = [line.strip() for line in text.splitlines() if line.strip()]
    kinds = [_BETWEEN] * len(paragraphs)
    if len(kinds) > 1:
        kinds[0], kinds[-1] = _FIRST, _LAST
    told = ", ".join(dict.fromkeys(kinds))
    note = f"no elements were given: paragraphs serve as elements, of the types {told}"
    return Draft(text, list(zip(kinds, paragraphs, strict=True)), (note,))
