"""Repair of DVC's cache after an edit in place.

Outputs are links to the cache. Their mode is read-only, which stops everyone but root; root's edit
changes the cached object with the output, and DVC, which trusts read-only objects, restores from
it what was edited.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.graph.locked_outputs import locked, md5


def damaged(cache: Path) -> list[Path]:
    """List objects of dvc.lock's outputs whose bytes aren't those of their name.

    Args:
      cache: the folder of objects, by the md5 that names them.
    """
    objects = {path: name for name in locked().values() for path, name in _objects(cache, name)}
    return [path for path, name in objects.items() if md5(path) != name]


def linked(objects: list[Path]) -> list[Path]:
    """List files of dvc.lock's outputs that are links to one of these objects."""
    known = {_identity(path) for path in objects}
    outputs = map(Path, locked())
    files = (file for out in outputs for file in (out.rglob("*") if out.is_dir() else [out]))
    return sorted(file for file in files if file.is_file() and _identity(file) in known)


def _objects(cache: Path, digest: str) -> Iterator[tuple[Path, str]]:
    """Yield the objects of an output that are there, each with the md5 that it should have."""
    name, _, listing = digest.partition(".")
    path = cache / digest[:2] / digest[2:]
    if not path.is_file():
        return
    yield path, name
    # One that is damaged itself tells nothing of its files.
    if listing and md5(path) == name:
        for entry in json.loads(path.read_bytes()):
            yield from _objects(cache, entry["md5"])


def _identity(path: Path) -> tuple[int, int]:
    """The file that a path leads to, through any link."""
    found = path.stat()
    return found.st_dev, found.st_ino
