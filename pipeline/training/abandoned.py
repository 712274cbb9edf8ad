"""Checkpoints on disk: those that a run can still go on from, and those that none can."""

import contextlib
import functools
import importlib.metadata
import os
import platform
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import file_lock
from pipeline.errors import UserError
from pipeline.files import read_json, sha256
from pipeline.graph import code_hash
from pipeline.refusals import reason
from pipeline.training.origin import FILE
from pipeline.units import NAMES

_NAME = re.compile(rf"(.+-{NAMES}|pretrain-.+)-[0-9a-f]{{16}}")
_DAY = 24 * 3600.0
_Digest = Callable[[Path], str | None]


class RunFolder(NamedTuple):
    """A run's checkpoints.

    Attributes:
      folder: of the run.
      stage: as DVC names it, a question mark where nothing says.
      size: bytes.
      age: seconds since the last save.
      in_use: in words, where a process may be at work on it.
      reason: why no run goes on from it, None where one does.
    """

    folder: Path
    stage: str
    size: int
    age: float
    in_use: str | None
    reason: str | None

    @property
    def is_abandoned(self) -> bool:
        """True where no run goes on from it and no process holds it."""
        return self.reason is not None and self.in_use is None


def find(root: Path, settings: Mapping[str, Mapping[str, Any]]) -> list[RunFolder]:
    """List every run's checkpoints below `root`; other files there are left out.

    Args:
      root: may not be there.
      settings: what decides the numbers of each training stage of the configuration, by its name.
    """
    folders = sorted(root.iterdir()) if root.is_dir() else []
    digest = functools.cache(_digest)  # folds share their inputs
    return [_look(folder, settings, digest) for folder in folders if _is_a_run(folder)]


def remove(folder: Path) -> bool:
    """Remove a run's checkpoints; False where a process of this machine holds them by now."""
    # A run may have begun since `find` looked.
    held = file_lock.take(folder, 0.0)
    if held is None:
        return False
    try:
        shutil.rmtree(folder)
    finally:
        held.release()
    return True


def _is_a_run(folder: Path) -> bool:
    return bool(_NAME.fullmatch(folder.name)) and (folder / file_lock.NAME).is_file()


def _look(folder: Path, settings: Mapping[str, Mapping[str, Any]], digest: _Digest) -> RunFolder:
    noted = _noted(folder)
    files = list(_files(folder))
    saved = max((file.st_mtime for file in files), default=0.0)
    age = max(time.time() - saved, 0.0)
    return RunFolder(
        folder=folder,
        stage=noted["stage"] if noted else "?",
        size=sum(file.st_size for file in files),
        age=age,
        in_use=_in_use(folder, noted, age),
        reason=next(_differences(noted, settings, digest), None),
    )


def _files(folder: Path) -> Iterator[os.stat_result]:
    """Yield sizes and times; files that a run removes meanwhile are left out."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                yield Path(parent, name).stat()


def _noted(folder: Path) -> dict[str, Any] | None:
    """Read the note of a run's origin; None where it cannot be read."""
    try:
        noted = read_json(folder / FILE)
        tables = [noted["settings"], noted["inputs"], noted["code"], noted["libraries"]]
        texts = [noted["stage"], noted["host"]]
    except (UserError, KeyError):
        return None
    well = all(isinstance(t, dict) for t in tables) and all(isinstance(t, str) for t in texts)
    return noted if well else None


def _in_use(folder: Path, noted: Mapping[str, Any] | None, age: float) -> str | None:
    """Say in words that a process may be at work on a folder; None where none is.

    A lock tells on one machine only. For another machine's runs on a shared drive, a recent save
    counts as work."""
    try:
        held = file_lock.take(folder, 0.0)
    except OSError as error:  # such as a drive that is mounted for reading only
        return f"cannot be locked ({reason(error)})"
    if held is None:
        return "in use"
    held.release()
    if noted is None or noted["host"] == platform.node() or age > _DAY:
        return None
    return f"in use on {noted['host']} within the last 24 h"


def _differences(
    noted: Mapping[str, Any] | None, settings: Mapping[str, Mapping[str, Any]], digest: _Digest
) -> Iterator[str]:
    """Yield the reasons why no run of this configuration, on these files, goes on from that origin.

    Variables of the environment are left out: another shell may still have them.
    """
    if noted is None:
        yield "nothing says what it was made of"
        return
    if noted["stage"] not in settings:
        yield "no stage of params.yaml"
        return
    was, now = _flat(noted["settings"]), _flat(settings[noted["stage"]])
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            yield f"{name} was {was.get(name)!r}, is {now.get(name)!r}"
    for name, noted_digest in noted["inputs"].items():
        found = digest(Path(name))
        if found != noted_digest:
            yield f"{name} has changed" if found else f"{name} is missing"
    for name, noted_hash in noted["code"].items():
        if name not in code_hash.names() or code_hash.of(name) != noted_hash:
            yield f"the code of {name} has changed"
    for name, version in noted["libraries"].items():
        found = _version(name)
        if version != found:
            yield f"{name} was {version}, is {found or 'not installed'}"


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves by dotted name."""
    if not isinstance(tree, Mapping):
        return {prefix: tree}
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{prefix}.{name}" if prefix else name)
    return flat


def _digest(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None
