"""Mistakes in a tree of keys and values, as pydantic finds them, in a line each for a user."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from types import GenericAlias, MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_UNKNOWN = "unexpected_keyword_argument"
_MISSING = ("missing", "missing_argument")
_KEYS = "expected keys with values"
_IN_YAML: Mapping[str, str] = MappingProxyType(
    {"dataclass_type": _KEYS, "dict_type": _KEYS, "list_type": "expected a list"}
)
"""By pydantic's type of a finding, what it calls by JSON's names."""
# Characters of what was found.
_SHOWN = 100
Location = tuple[int | str, ...]


def explain(error: ValidationError, kind: type) -> list[str]:
    """One line for each of pydantic's findings on a `kind` of dataclass, unknown keys first.

    A key that is missing because it is misspelt is told once, as unknown.
    """
    findings = error.errors(include_url=False)
    unknown = [finding["loc"] for finding in findings if finding["type"] == _UNKNOWN]
    meant = {(*loc[:-1], _closest(str(loc[-1]), _valid_keys(loc, kind))) for loc in unknown}
    told = [f for f in findings if not (f["type"] in _MISSING and f["loc"] in meant)]
    return [_line(f, kind) for f in sorted(told, key=lambda f: f["type"] != _UNKNOWN)]


def nearest(name: str, valid: Iterable[str]) -> str:
    """The end of a line on a name that is not valid."""
    closest = _closest(name, valid)
    return f"; the nearest valid one is {closest!r}" if closest else "; there is none"


def shown(value: object) -> str:
    """A value as a message has it; a key without a value holds nothing."""
    return "nothing" if value is None else short(repr(value))


def short(text: str) -> str:
    """A text, cut short where it is long."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _line(finding: ErrorDetails, kind: type) -> str:
    location = finding["loc"]
    key = ".".join(short(str(part)) for part in location if part != "[key]")
    if finding["type"] == _UNKNOWN:
        return f"unknown key {key!r}{nearest(str(location[-1]), _valid_keys(location, kind))}"
    if finding["type"] in _MISSING:
        return f"missing key {key!r}"
    message = _IN_YAML.get(finding["type"]) or finding["msg"][0].lower() + finding["msg"][1:]
    # Without a key it is the whole file.
    where = f"{key}: " if key else ""
    return f"{where}{message}, found {shown(finding['input'])}"


def _valid_keys(location: Location, kind: Any) -> list[str]:
    """The keys that are valid beside the last part of `location`."""
    for part in location[:-1]:
        if dataclasses.is_dataclass(kind):
            kind = {field.name: field.type for field in dataclasses.fields(kind)}[str(part)]
        else:
            kind = kind.__args__[1]
        # A section that may be null.
        sections = filter(dataclasses.is_dataclass, getattr(kind, "__args__", ()))
        kind = kind if isinstance(kind, GenericAlias) else next(sections, kind)
    # An alias stands for a name that Python has taken, such as `from`.
    return [field.alias or name for name, field in kind.__pydantic_fields__.items()]


def _closest(name: str, valid: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, sorted(valid), n=1, cutoff=0.0)), None)
