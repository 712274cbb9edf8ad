"""How far each submission got, on disk, so that an interrupted one goes on and none is made twice.

It holds numbers, names and hashes; never a token.
"""

import contextlib
import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.files import read_json, write_json

NAME = "journal.json"


class Journal:
    """The steps of one submission: what is sent, and where to.

    Args:
      path: the file, shared by all submissions.
      what: identifies this one; another bundle, script or target is another entry.
    """

    def __init__(self, path: Path, what: Mapping[str, Any]) -> None:
        self._path = path
        text = json.dumps(what, sort_keys=True)
        self._key = hashlib.sha256(text.encode()).hexdigest()
        entries = read_json(path) if path.exists() else {}
        self._entries = entries
        self._steps: dict[str, Any] = entries.setdefault(self._key, {"what": dict(what)})

    def get(self, step: str) -> dict[str, Any] | None:
        """What was noted of a step, or None where it was not taken."""
        return self._steps.get(step)

    def note(self, step: str, **facts: Any) -> None:
        """Note a step at once."""
        self._steps[step] = facts
        write_json(self._path, self._entries)

    def forget(self, *steps: str) -> None:
        """Take steps back, so that they are taken again."""
        for step in steps:
            self._steps.pop(step, None)
        write_json(self._path, self._entries)

    def clear(self) -> None:
        """Forget every step."""
        self._steps = self._entries[self._key] = {"what": self._steps["what"]}
        write_json(self._path, self._entries)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process submit at a time.

    Raises:
      UserError: another one does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder}: another submission is under way; wait for it") from None
        yield
