"""Entries of dvc.lock, taken out of one and put into another: what a stage made elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.files import atomic_file
from pipeline.graph.lock_repair import LOCK

_SCHEMA = "2.0"


def read_entry(stage: str, lock: Path = LOCK) -> dict[str, Any]:
    """Return a stage's entry as plain data.

    Raises:
      KeyError: it has none.
    """
    return YAML(typ="safe", pure=True).load(lock.read_text(encoding="utf-8"))["stages"][stage]


def add_entries(entries: Mapping[str, Any], lock: Path = LOCK) -> None:
    """Put entries into a lock, in place of former ones of the same stages.

    No DVC may be at work: it would write the lock from what it read before.
    """
    if not entries:
        return
    yaml = YAML()
    there = lock.exists()
    new: Any = {"schema": _SCHEMA}
    tree = yaml.load(lock.read_text(encoding="utf-8")) if there else new
    tree.setdefault("stages", {}).update(entries)
    with atomic_file(lock) as temporary:
        yaml.dump(tree, temporary)
