"""One stage as a task on a node: environment, workspace, DVC, and the way out.

This is the function that Ray's workers run. It needs the standard library alone, so they live in
an environment that has Ray and nothing of the project's; the stage runs in the project's own, which
the node makes from the lock.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Literal

from pipeline.cluster import environment
from pipeline.cluster.listening import Begun, Event, Listener
from pipeline.cluster.workspace import ENTRY, workspace

STOPPED = 75  # as pipeline.errors has it: saved, and asked to leave
_HELD = "another process is training this"
_PAUSE = 0.2  # seconds
_PATIENCE = 20  # times that a fold is held by a machine that is about to be found dead
_LEASE = 30.0  # seconds between them; a file server frees a dead machine's locks after 90 or so
# What Ray sets for its own process.
_RAYS = ("RAY_", "PYTHON", "OMP_NUM_THREADS", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Order:
    """An order for a node.

    Attributes:
      stage: its name.
      inputs: what to pull before it: stages, and paths under DVC.
      build: of JAX, as make's ACCELERATOR.
      shared: the folder that all nodes see.
      mark: a file in it, by which a node knows that it sees the same one.
      settings: DVC's own, such as the remote; by sections.
    """

    stage: str
    inputs: tuple[str, ...]
    build: str
    shared: str
    mark: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Ending:
    """The end of a task.

    Attributes:
      said: why it failed, or what it said as it stopped.
      entry: dvc.lock's of the stage that is done and pushed.
    """

    stage: str
    state: Literal["done", "stopped", "failed"]
    said: str = ""
    entry: Mapping[str, Any] | None = None


class Leaving(Exception):  # noqa: N818 - it is no error
    """The machine takes its leave: the stage has saved and goes on elsewhere."""


def run(order: Order, board: Any, *before: Ending) -> Ending:
    """Run a stage on this node, and push what it made.

    Args:
      order: what to do.
      board: the actor of a queue of events.
      before: of the tasks that it waited for.

    Raises:
      Leaving: it was stopped, but not by whoever ordered it; for Ray to repeat it elsewhere.
    """
    stage = order.stage
    undone = [one for one in before if one.state != "done"]
    if undone:
        return Ending(stage, "stopped", f"{stage}: waits for {undone[0].stage}")
    tell = _teller(board)
    tell(Begun(stage, _where()))
    if not (Path(order.shared) / order.mark).is_file():
        told = f"{order.shared}: not the folder that the others see, on {_where()}"
        return Ending(stage, "failed", f"SHARED: {told}; mount it on every node at the same path")
    try:
        place = environment.made(Path.cwd(), order.build)
        for _ in range(_PATIENCE):
            ending = _attempt(order, before, place, tell)
            if _HELD not in ending.said:
                return ending
            time.sleep(_LEASE)
        return _attempt(order, before, place, tell)
    except subprocess.CalledProcessError as error:
        return Ending(stage, "failed", f"{_where()}: no environment: {error.stderr.strip()}")
    # What Ray raises where a task is cancelled.
    except KeyboardInterrupt:
        return Ending(stage, "stopped")


def _attempt(
    order: Order, before: tuple[Ending, ...], place: Path, tell: Callable[[Event], None]
) -> Ending:
    entries = {one.stage: one.entry for one in before}
    content = asdict(order) | {"entries": entries, "cache": str(environment.folder() / "cache")}
    with workspace(Path.cwd(), place, content) as folder:
        listener = Listener(order.stage, tell)
        status, asked = _supervise(folder, order, listener)
        if status == 0:
            entry = json.loads((folder / ENTRY).read_text(encoding="utf-8"))
            return Ending(order.stage, "done", entry=entry)
    if asked:
        return Ending(order.stage, "stopped", listener.stop or "")
    if STOPPED in (status, listener.status):
        raise Leaving(listener.stop or order.stage)
    return Ending(order.stage, "failed", listener.fault)


def _supervise(folder: Path, order: Order, listener: Listener) -> tuple[int, bool]:
    """Run DVC in a workspace; return its status, and whether the task was cancelled meanwhile."""
    process = subprocess.Popen(
        [".venv/bin/python", "-m", "pipeline.cluster.stage_run"],
        cwd=folder,
        env=_environment(folder, order),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # A group of its own, so that one signal reaches DVC and the stage, as a terminal's does.
        start_new_session=True,
    )
    assert process.stdout is not None
    reader = threading.Thread(target=_read, args=(process.stdout, listener), daemon=True)
    reader.start()
    asked = False
    # In short turns: a cancelled task gets its exception between two of Python's own steps.
    while True:
        try:
            if process.poll() is not None:
                break
            time.sleep(_PAUSE)
        except KeyboardInterrupt:
            asked = True
            process.send_signal(signal.SIGTERM)
    reader.join()
    return process.returncode, asked


def _read(stream: IO[str], listener: Listener) -> None:
    for line in stream:
        listener.hear(line)


def _environment(folder: Path, order: Order) -> dict[str, str]:
    """Return a stage's environment: the node's, without what Ray sets for its own Python."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_RAYS)}
    here = environment.folder()
    return kept | {
        "PATH": f"{folder}/.venv/bin:{kept.get('PATH', os.defpath)}",
        "CHECKPOINT_ROOT": str(Path(order.shared) / "checkpoints"),
        # Of the node: what is compiled for one machine may not run on another.
        "JAX_COMPILATION_CACHE_DIR": str(here / "jax"),
        "DVC_SITE_CACHE_DIR": str(folder / ".dvc/tmp/site"),
    }


def _teller(board: Any) -> Callable[[Event], None]:
    """Return a function that puts events on the board.

    It waits for no answer: while a task waits for one, Ray gives its CPUs to another. Without a
    board, whose coordinator is gone, a task ends anyway.
    """

    def tell(event: Event) -> None:
        with contextlib.suppress(Exception):
            board.put_nowait.remote(event)

    return tell


def _where() -> str:
    """Name this node: its host, and a part of Ray's own name where several share a host."""
    try:
        import ray  # type: ignore[import-not-found]

        return f"{socket.gethostname()}/{ray.get_runtime_context().get_node_id()[:6]}"
    except Exception:
        return socket.gethostname()
