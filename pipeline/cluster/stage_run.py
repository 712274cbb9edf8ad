"""One stage in a node's workspace, in the project's own environment: pulled, made, pushed.

Runs `dvc pull`, `dvc repro` and `dvc push` as the workspace's order says. Asked to stop, it sends
its whole group what a terminal's Ctrl-C sends: DVC waits for the stage, which saves and leaves.
"""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

from pipeline.cluster.workspace import ENTRY, ORDER
from pipeline.errors import STOPPED
from pipeline.files import read_json
from pipeline.graph import child
from pipeline.graph.lock_entries import add_entries, read_entry
from pipeline.training.published import NOTE

_PUBLISHED = Path(".cache/checkpoints")  # names the folder of a published fold's


def main() -> int:
    """Do what the order says; return the status of the first DVC that fails."""
    _hear_signals()
    order = read_json(ORDER)
    _configure(order)
    add_entries(order["entries"])
    stage, inputs = order["stage"], order["inputs"]
    status = _dvc("pull", *inputs) if inputs else 0
    if not (status or _ASKED):
        # A stage that is done is pushed, whoever asks to stop meanwhile.
        status = _dvc("repro", "--single-item", "--pull", stage) or _dvc(
            "push", "--run-cache", stage
        )
    elif not status:
        return STOPPED
    if status:
        return STOPPED if _ASKED else status
    ENTRY.write_text(json.dumps(read_entry(stage)), encoding="utf-8")
    # Not before: until it is pushed, a machine that dies takes the fold with it.
    if _PUBLISHED.exists():
        shutil.rmtree(_PUBLISHED.read_text(encoding="utf-8"), ignore_errors=True)
    return 0


def _dvc(*arguments: str) -> int:
    return child.run(Path(), *arguments, environment={NOTE: str(_PUBLISHED.absolute())})


_ASKED: list[int] = []


def _hear_signals() -> None:
    # Ray's processes block it, and so would all that they start.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, _pass_on)


def _pass_on(number: int, _: Any) -> None:
    _ASKED.append(number)
    os.killpg(0, signal.SIGINT)


def _configure(order: dict[str, Any]) -> None:
    """Write the workspace's own settings of DVC."""
    from dvc.config import Config

    settings: Any = order["settings"] | {"cache": {"dir": order["cache"]}}
    config: Any = Config(str(Path(".dvc").absolute()), validate=False)
    with config.edit("local") as local:
        for section, values in settings.items():
            local.setdefault(section, {}).update(values)


if __name__ == "__main__":
    raise SystemExit(main())
