"""Configurations for tests, each of them the default's with some values changed.

A new option stands in the default, or in `params.py`, and so in all of these.
"""

import copy
import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML

from pipeline.configuration import check

RECIPES = Path(__file__).parents[1] / "recipes"
Tree = dict[str, Any]
T = TypeVar("T")


def changed(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> Tree:
    """A tree with other values, mapping by mapping."""
    made = copy.deepcopy(dict(tree))
    for key, value in changes.items():
        deeper = isinstance(value, Mapping) and isinstance(made.get(key), Mapping)
        made[key] = changed(made[key], value) if deeper else copy.deepcopy(value)
    return made


DEFAULT: Tree = YAML(typ="safe", pure=True).load(RECIPES / "default.yaml")
_ROWS = {"per_step": 8, "length": 128}
_FAST = {"optimizer": {"backbone_rate": 1e-3, "head_rate": 1e-3}}
_TINY: Tree = DEFAULT["models"]["tiny"]
SMALL = changed(
    DEFAULT | {"models": {}},
    {
        "split": {"n_folds": 2},
        "folds": [0, 1],
        "compute": {"devices": 2},
        "baseline": {"max_features": 500, "C": 1.0},
        "models": {
            "small": changed(
                _TINY,
                {
                    "inputs": {"window": 128},
                    "train": {"epochs": 1, "rows": _ROWS} | _FAST,
                    "predict": _ROWS,
                },
            )
        },
        "ensemble": {"nested_folds": 2},
    },
)
"""As little of each part as there can be."""


def text(tree: Mapping[str, Any]) -> str:
    """A tree as params.yaml has it."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style, yaml.width = None, 1000
    yaml.dump(dict(tree), stream)
    return stream.getvalue()


def write(tree: Mapping[str, Any], path: Path = Path("params.yaml")) -> None:
    """Write a tree as params.yaml."""
    path.write_text(text(tree), encoding="utf-8")


def write_members(
    folds: Sequence[int] = (0, 1, 2),
    models: Sequence[str] = (),
    members: Mapping[str, Mapping[str, str]] | None = None,
    seeds: Sequence[int] = (),
    full: Sequence[str] = (),
    **ensemble: Any,
) -> None:
    """Write a configuration of members whose predictions the test makes itself."""
    made = changed(
        DEFAULT | {"models": dict.fromkeys(models, _TINY)},
        {
            "data": {"source": "data/raw"},
            "split": {"seed": 1},
            "folds": list(folds),
            "seeds": list(seeds),
            "full": list(full),
            "compute": {"devices": 1},
            "baseline": {"max_features": 500, "C": 1.0},
            "members": members or {},
            "ensemble": {"nested_folds": 3, "seed": 1} | ensemble,
        },
    )
    write(made)


def section(kind: type[T], **changes: Any) -> T:
    """The default's section of a kind, `tiny`'s where models have it, with other values."""
    default = check(DEFAULT, Path("default.yaml"))
    found: Any = next(one for one in _sections(default) if isinstance(one, kind))
    return dataclasses.replace(found, **changes)


def _sections(value: Any) -> Iterator[Any]:
    yield value
    inner = value if isinstance(value, Mapping) else getattr(value, "__dict__", {})
    for one in inner.values():
        yield from _sections(one)
