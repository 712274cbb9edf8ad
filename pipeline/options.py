"""All options of params.yaml as lines for a reader, read off their declarations."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline import embedding_params, params

_WIDTH = 100
_Schema = Mapping[str, Any]
_RANGES = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def described() -> Iterator[str]:
    """Yield each option's key, type and default on a line, and its sentence below."""
    schema = TypeAdapter(params.Parameters).json_schema()
    sentences = _sentences()
    for key, section, option in _options("Parameters", schema, schema["$defs"], ""):
        default = f"default {_plain(option['default'])}" if "default" in option else "required"
        yield from textwrap.wrap(f"{key}: {_type(option)}; {default}", _WIDTH)
        sentence = sentences[section, key.rpartition(".")[2]]
        yield from textwrap.wrap(sentence, _WIDTH, initial_indent="  ", subsequent_indent="  ")


def _options(
    section: str, schema: _Schema, sections: Mapping[str, _Schema], prefix: str
) -> Iterator[tuple[str, str, _Schema]]:
    """Yield each option's dotted key, the class that declares it, and its JSON schema."""
    for name, option in schema["properties"].items():
        inner, key = option, f"{prefix}{name}"
        if "patternProperties" in option:
            (inner,) = option["patternProperties"].values()
            key = f"{key}.<name>"
        # A section that may be null is an option itself, and holds further ones.
        nested = [part for part in (inner, *inner.get("anyOf", ())) if "$ref" in part]
        if nested != [inner]:
            yield key, section, option
        for part in nested:
            below = part["$ref"].rpartition("/")[2]
            yield from _options(below, sections[below], sections, f"{key}.")


def _type(option: _Schema) -> str:
    if "anyOf" in option:
        return " | ".join(map(_type, option["anyOf"]))
    if "$ref" in option:
        return "section"
    if "const" in option or "enum" in option:
        return " | ".join(option.get("enum", [option.get("const")]))
    if option["type"] == "array":
        return f"list of {_type(option['items'])}"
    limits = [f"{words} {option[key]:.15g}" for key, words in _RANGES.items() if key in option]
    return " ".join([option["type"], " and ".join(limits)]).strip()


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _sentences() -> dict[tuple[str, str], str]:
    """Read the docstring below each option, by class and option."""
    found: dict[tuple[str, str], str] = {}
    files = [Path(inspect.getfile(module)) for module in (embedding_params, params)]
    nodes = [node for file in files for node in ast.parse(file.read_text(encoding="utf-8")).body]
    for section in (node for node in nodes if isinstance(node, ast.ClassDef)):
        for option, below in zip(section.body, section.body[1:], strict=False):
            match option, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)) as option,
                    ast.Expr(value=ast.Constant(value=str(sentence))),
                ):
                    found[section.name, _alias(option) or name] = sentence
        # An option that another section lends stands there with its sentence.
        for base in section.bases:
            lent = {n: s for (kind, n), s in found.items() if kind == ast.unparse(base)}
            found |= {(section.name, n): s for n, s in lent.items()}
    return found


def _alias(option: ast.AnnAssign) -> str | None:
    """Return the key in params.yaml where Python has taken it, such as `from`."""
    for node in ast.walk(option.annotation):
        match node:
            case ast.keyword(arg="alias", value=ast.Constant(value=str(key))):
                return key
    return None
