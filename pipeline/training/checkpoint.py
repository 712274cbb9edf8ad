"""Checkpoints that survive any kill and notice any damage."""

import contextlib
import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
import orbax.checkpoint as ocp

from pipeline import file_lock, progress
from pipeline.errors import Stopped, UserError
from pipeline.files import read_json, sha256, write_json
from pipeline.refusals import reason, refusal
from pipeline.training import published
from pipeline.training.background import tell_once
from pipeline.training.needs import KEPT, STATE

T = TypeVar("T")

DIGESTS = "digests.json"  # beside each checkpoint, to tell later that nothing in it has changed
# Folds that train at once save from their threads, and Orbax tells its operations from each other
# by one number of the process.
_ONE_AT_A_TIME = threading.Lock()
_NEXT = ThreadPoolExecutor(1)
_PATIENCE = 60.0  # seconds: a killed trainer may still be saving


class Restored(NamedTuple):
    """The contents of the last checkpoint."""

    step: int
    arrays: Any
    notes: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run; only one process at a time may hold them."""

    def __init__(self, folder: Path) -> None:
        """Open or make `folder`, lock it, and set damaged checkpoints aside.

        Raises:
          UserError: another process holds it, or it cannot be made.
        """
        self.folder, self._state = folder, folder / STATE
        try:
            held = file_lock.take(folder, _PATIENCE)
            self._state.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder}: no place for checkpoints: {reason(error)}") from None
        if held is None:
            raise UserError(f"{folder}: another process is training this; wait or end it")
        self._lock = held
        tell_once()
        # Before Orbax looks, so that its last step is one that can be restored.
        self._set_damaged_aside()
        self._manager = ocp.CheckpointManager(
            self._state.absolute(),
            options=ocp.CheckpointManagerOptions(
                max_to_keep=KEPT,
                enable_async_checkpointing=True,
                async_options=ocp.AsyncOptions(post_finalization_callback=self._note_digests),
            ),
        )

    def _steps(self) -> list[Path]:
        """The folders of checkpoints, the last first."""
        found = [path for path in self._state.iterdir() if path.name.isdecimal()]
        return sorted(found, key=lambda path: int(path.name), reverse=True)

    def _set_damaged_aside(self) -> None:
        """Leave the last whole checkpoint as the last one, and nothing of a save that was cut off.

        The next to be damaged takes the place of those that were set aside before.
        """
        aside = self.folder / "damaged"
        self._remove_cut_off()
        damaged = []
        for path in self._steps():
            fault = _damage(path)
            if fault is None:
                break
            damaged.append((path, fault))
        if damaged:
            _remove(aside)
            aside.mkdir()
        for path, fault in damaged:
            path.rename(aside / path.name)
            progress.say(
                f"{path}: damaged ({fault}); set aside as {aside / path.name}, going on without it"
            )

    def _remove_cut_off(self) -> None:
        """Remove what is left of saves that were cut off, each as large as a checkpoint."""
        # Orbax gives a checkpoint its number only when it is whole.
        for path in set(self._state.iterdir()) - set(self._steps()):
            _remove(path)

    def _note_digests(self) -> None:
        """Put digests beside what was just written; Orbax gives it its final name afterwards.

        Runs in the background.
        """
        unfinished = next(path for path in self._state.iterdir() if not path.name.isdecimal())
        _write_digests(unfinished, unfinished.name.split(".")[0])

    @property
    def last(self) -> int | None:
        """The step of the last whole checkpoint or of the save under way; None without one."""
        return self._manager.latest_step()

    def save(self, step: int, arrays: Any, notes: Mapping[str, Any]) -> None:
        """Save in the background; an old checkpoint goes only once the new one is whole.

        Raises:
          OSError: the system refuses this save, or the one before; such as on a full disk.
        """
        content = ocp.args.Composite(
            arrays=ocp.args.StandardSave(arrays), notes=ocp.args.JsonSave(dict(notes))
        )
        _ONE_AT_A_TIME.acquire()
        try:
            self._ask(lambda: self._manager.save(step, args=content))
        finally:
            _NEXT.submit(_let_the_next_begin, self._manager)

    def restore(self, like: Any) -> Restored | None:
        """Restore the last whole checkpoint onto the shardings of `like`; None if there is none.

        Raises:
          OSError: the system refuses to read it.
        """
        step = self.last
        if step is None:
            return None
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        content = ocp.args.Composite(
            arrays=ocp.args.StandardRestore(abstract), notes=ocp.args.JsonRestore()
        )
        with _ONE_AT_A_TIME:
            found = self._ask(lambda: self._manager.restore(step, args=content))
        return Restored(step, found["arrays"], found["notes"])

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Wait for a save in progress, whatever ended the run, and let go of the lock.

        Raises:
          OSError: the system refuses that save, and no other error ended the run.
        """
        try:
            self._ask(self._manager.close)
        except OSError:
            # What ended the run is told, not what came of it; unless it says that all is saved.
            if kind in (None, Stopped):
                raise
        finally:
            # Tasks that it holds would have more to say as Python ends.
            del self._manager
            # Where the disk is full, others need the room.
            with contextlib.suppress(OSError):
                self._remove_cut_off()
            self._lock.release()

    def remove(self) -> None:
        """Delete what is saved: the fold is published.

        In a cluster whoever runs the stage does so, once the fold is pushed.
        """
        # A save in the background would otherwise write into a folder that is being removed. Nobody
        # needs it any more.
        with contextlib.suppress(OSError):
            self._ask(self._manager.wait_until_finished)
        if not published.noted(self.folder):
            shutil.rmtree(self.folder)

    def _ask(self, call: Callable[[], T]) -> T:
        """Ask Orbax for something; what the system refuses it names the run's folder."""
        try:
            return call()
        except Exception as error:
            refused = refusal(error)
            if refused is None:
                raise
        # Here, so that the error holds none of Orbax's tasks.
        raise OSError(refused.errno, refused.strerror, str(self.folder))


def _let_the_next_begin(manager: ocp.CheckpointManager) -> None:
    """Wait for the save under way; the run itself is told of what became of it."""
    with contextlib.suppress(Exception):
        manager.wait_until_finished()
    _ONE_AT_A_TIME.release()


def _write_digests(folder: Path, name: str) -> None:
    """Write the digest of every file in the folders of `folder`, which will be called `name`.

    Files that lie in it directly are the library's own records, which it goes on writing.
    """
    files = {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.glob("*/**/*"))
        if path.is_file()
    }
    write_json(folder / DIGESTS, {"files": files, "all": _digest(name, files)})


def _damage(folder: Path) -> str | None:
    """Say what is wrong with a folder, or None where each file is as it was written."""
    try:
        noted = read_json(folder / DIGESTS)
    except (UserError, OSError):
        return f"no {DIGESTS} that can be read, as after a save that was cut off"
    # The list is checked first, for a damaged list could leave a damaged file out.
    files = noted.get("files")
    if not isinstance(files, dict) or noted.get("all") != _digest(folder.name, files):
        return f"{DIGESTS} is not as it was written"
    for name, digest in files.items():
        try:
            found = sha256(folder / name)
        except OSError as error:
            return f"{name}: {reason(error)}"
        if found != digest:
            return f"{name} is not as it was written"
    return None


def _digest(name: str, files: Mapping[str, str]) -> str:
    """Digest the list itself together with the folder's name."""
    # With the name, a checkpoint that got another step's number counts as damaged too.
    text = json.dumps([name, files], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
