"""The declarations of `dvc.yaml`, and what each stage's code really reads."""

import ast
import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from pipeline.graph.closure import reach
from pipeline.params import Parameters

UNDECLARED = frozenset({"session", "compute.devices"})
"""Parameters of a run alone: how it is saved and interrupted, and how many devices it has."""


def bodies(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Each stage's own mapping, whether it stands alone, in a `foreach` or in a `matrix`."""
    return {name: stage.get("do", stage) for name, stage in tree["stages"].items()}


def entry(body: Mapping[str, Any]) -> str:
    """The module in `stages` that a stage's command runs."""
    found = re.search(r"-m stages\.(\w+)", body["cmd"])
    if found is None:
        raise ValueError(f"{body['cmd']!r} runs no module of stages")
    return found[1]


def declared_parameters(body: Mapping[str, Any]) -> frozenset[str]:
    """The parameters that a stage declares, an interpolated part as `*`."""
    return frozenset(re.sub(r"\$\{[^}]*\}", "*", key) for key in body.get("params", ()))


def read_parameters(stage: str, root: Path) -> frozenset[str]:
    """The sections that a stage's code reads off the configuration, an interpolated part as `*`.

    A section of which something is left undeclared counts key by key.
    """
    keys = {key for path in reach(stage, root) for key in _reads(root / path)}
    read = {part for key in keys for part in _parts(key)}
    return frozenset(read) - UNDECLARED


def _parts(key: str) -> list[str]:
    if not any(other.startswith(f"{key}.") for other in UNDECLARED):
        return [key]
    section = get_type_hints(Parameters)[key]
    return [f"{key}.{field.name}" for field in dataclasses.fields(section)]


def _reads(path: Path) -> Iterator[str]:
    """Keys of calls like `configuration.read(f"models.{model}.train", Train)`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(attr="read"), args=[key, _]):
                yield _pattern(key, path)


def _pattern(key: ast.expr, path: Path) -> str:
    match key:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(p.value) if isinstance(p, ast.Constant) else "*" for p in parts)
    raise ValueError(f"{path}:{key.lineno}: write the section's key where it is read")
