"""A `~` in a path; DVC, where it reads one, would look for a folder of that name."""

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

# The keys of params.yaml that are dependencies in dvc.yaml; * stands for each name.
DEPENDENCIES = (
    "data.source",
    "labels.from",
    "models.*.backbone.needs",
    "pretrain.*.essays",
    "pretrain.*.texts",
    "unlabelled.*.essays",
    "members.*.oof",
    "members.*.test",
)


def expanded(path: str) -> Path:
    """Return the path with the folder of a user for `~` or `~name`, if there is such a user."""
    try:
        return Path(path).expanduser()
    # Nobody of that name: the path is then looked for as it is.
    except RuntimeError:
        return Path(path)


def unexpanded(tree: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the key of each such path in a tree of params.yaml, the path, and the whole path."""
    for key, mapping, last in _paths(tree):
        path = mapping[last]
        whole = expanded(path)
        if whole != Path(path):
            yield key, path, str(whole)


def expand(tree: Any) -> None:
    """Write such paths out in a tree of params.yaml; a scalar keeps no style of its own."""
    for _, mapping, last in _paths(tree):
        whole = expanded(mapping[last])
        if whole != Path(mapping[last]):
            mapping[last] = str(whole)


def _paths(tree: Any) -> Iterator[tuple[str, MutableMapping[str, Any], str]]:
    """Yield each dependency that is a text: its dotted key, the mapping it is in, its last part."""
    for pattern in DEPENDENCIES:
        *parents, last = pattern.split(".")
        places = [((), tree)]
        for parent in parents:
            places = [
                ((*key, str(name)), inner)
                for key, mapping in places
                if isinstance(mapping, MutableMapping)
                for name, inner in mapping.items()
                if parent in ("*", name)
            ]
        for key, mapping in places:
            if isinstance(mapping, MutableMapping) and isinstance(mapping.get(last), str):
                yield ".".join((*key, last)), mapping, last
