"""A task's own copy of the project on a node. Two tasks in one would meet at DVC's lock.

Standard library alone, as all that Ray's workers import.
"""

import contextlib
import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.cluster.environment import folder, locked

ORDER = Path(".cache/order.json")  # what a workspace is for
ENTRY = Path(".cache/entry.json")  # dvc.lock's entry of the stage, once it is pushed


@contextlib.contextmanager
def workspace(source: Path, environment: Path, order: Mapping[str, Any]) -> Iterator[Path]:
    """Make a copy of the project, with its environment and an order; remove it at the end.

    Args:
      source: the project's files, as Ray shipped them.
      environment: becomes its .venv.
      order: as JSON for whoever works there.
    """
    root = folder() / "workspaces"
    root.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with locked(root / "lock"):
            _clear(root)
            place = Path(tempfile.mkdtemp(dir=root))
            # Held as long as this process lives: what nobody holds is a dead task's.
            stack.enter_context(locked(_lock(place)))
        try:
            shutil.copytree(source, place, dirs_exist_ok=True, symlinks=True)
            (place / ".venv").symlink_to(environment, target_is_directory=True)
            (place / ORDER.parent).mkdir(exist_ok=True)
            (place / ORDER).write_text(json.dumps(order), encoding="utf-8")
            yield place
        finally:
            _remove(place)


def _clear(root: Path) -> None:
    """Remove workspaces of tasks that died here."""
    for place in (path for path in root.iterdir() if path.is_dir()):
        with contextlib.suppress(BlockingIOError), _lock(place).open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(place)


def _remove(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    _lock(place).unlink(missing_ok=True)


def _lock(place: Path) -> Path:
    return place.with_name(f"{place.name}.lock")
