"""Checkpoints that survive any kill, in a folder named by everything that decides the result."""

import fcntl
import hashlib
import importlib.metadata
import json
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp

from pipeline.errors import UserError
from pipeline.files import sha256

_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy")
_LOCK_SECONDS = 60.0  # a killed trainer may still be saving


def fingerprint(settings: Mapping[str, Any], inputs: Iterable[Path]) -> str:
    """Hex digest of parameters, input files, this project's loaded code and library versions.

    Checkpoints stand outside DVC's outputs: as an output that persists they would survive a
    change of parameters, and the fold would go on from weights that don't belong to it.
    """
    code = {
        name: sha256(Path(module.__file__))
        for name, module in sys.modules.items()
        if name.split(".")[0] == "pipeline" and module.__file__
    }
    parts = {
        "settings": settings,
        "inputs": {path.as_posix(): sha256(path) for path in sorted(inputs)},
        "code": code,
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Restored(NamedTuple):
    """What the last checkpoint held."""

    step: int
    arrays: Any
    notes: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run; only one process at a time may hold them."""

    def __init__(self, folder: Path) -> None:
        """Open or make `folder` and lock it.

        Raises:
          UserError: another process holds it, or it cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder}: no place for checkpoints: {error.strerror}") from None
        self.folder = folder
        self._lock = (folder / "lock").open("a")
        self._take_lock()
        self._manager = ocp.CheckpointManager(
            (folder / "state").absolute(),
            options=ocp.CheckpointManagerOptions(max_to_keep=1, enable_async_checkpointing=True),
        )

    def _take_lock(self) -> None:
        until = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise UserError(
                        f"{self.folder}: another process is training this fold; wait or end it"
                    ) from None
                time.sleep(0.5)

    def save(self, step: int, arrays: Any, notes: Mapping[str, Any]) -> None:
        """Save in the background; the former checkpoint goes once the new one is whole."""
        self._manager.save(
            step,
            args=ocp.args.Composite(
                arrays=ocp.args.StandardSave(arrays), notes=ocp.args.JsonSave(dict(notes))
            ),
        )

    def restore(self, like: Any) -> Restored | None:
        """The last whole checkpoint, on the shardings of `like`; None where there is none."""
        step = self._manager.latest_step()
        if step is None:
            return None
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        found = self._manager.restore(
            step,
            args=ocp.args.Composite(
                arrays=ocp.args.StandardRestore(abstract), notes=ocp.args.JsonRestore()
            ),
        )
        return Restored(step, found["arrays"], found["notes"])

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for a save in progress, whatever ended the run, and let go of the lock."""
        self._manager.close()
        self._lock.close()

    def remove(self) -> None:
        """Delete what is saved: the fold is published."""
        self._manager.wait_until_finished()
        shutil.rmtree(self.folder)
