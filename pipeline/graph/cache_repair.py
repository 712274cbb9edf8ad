"""Repair of DVC's cache after an edit in place.

Outputs are links to the cache. Their mode is read-only, which stops everyone but root; root's edit
changes the cached object with the output, and DVC, which trusts read-only objects, restores from
it what was edited.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.graph.locked_outputs import md5

if TYPE_CHECKING:
    from dvc.repo import Repo


class Output(NamedTuple):
    """A file or folder that DVC tracks.

    Attributes:
      path: relative to the root of the project, where it lies inside.
      digest: its md5, which ends in .dir for a folder.
      is_made: by a stage; else a .dvc file tracks what a person put there, as Kaggle's files.
    """

    path: Path
    digest: str
    is_made: bool


def outputs(repo: "Repo") -> list[Output]:
    """List what DVC tracks, by dvc.lock and by .dvc files, as far as it has been hashed."""
    # Here, because it takes a second that other imports of this module need not spend.
    from dvc.stage import PipelineStage

    root = Path(repo.root_dir)
    found = []
    for out in repo.index.outs:
        path = Path(out.fs_path)
        digest = out.hash_info.value if out.hash_info else None
        if digest:
            path = path.relative_to(root) if path.is_relative_to(root) else path
            found.append(Output(path, digest, isinstance(out.stage, PipelineStage)))
    return found


def damaged(cache: Path, output: Output) -> list[Path]:
    """List objects of an output whose bytes aren't those of their name.

    Args:
      cache: the folder of objects, by the md5 that names them.
      output: that has them.
    """
    objects = dict(_objects(cache, output.digest))
    return [path for path, name in objects.items() if md5(path) != name]


def linked(objects: Iterable[Path], outputs: Iterable[Output]) -> list[Path]:
    """List files of outputs that are links to one of these objects."""
    known = {_identity(path) for path in objects}
    places = [out.path for out in outputs]
    files = (file for out in places for file in (out.rglob("*") if out.is_dir() else [out]))
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
