"""A journal on disk of each submission's steps: an interrupted one goes on, none is made twice.

It holds numbers, names and hashes; never a token.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline import file_lock
from pipeline.errors import UserError
from pipeline.files import atomic_file, read_json

NAME = "journal.json"
_ENTRIES = TypeAdapter(dict[str, dict[str, dict[str, Any]]])
_REMOVE = (
    "remove it and run the same command again: what was under way starts over, and what was "
    "submitted is looked for in submissions.jsonl and on Kaggle first"
)


class Journal:
    """The steps of one submission: what is sent, and where to.

    Args:
      path: the file, shared by all submissions.
      what: identifies this one; another bundle, script or target is another entry.

    Raises:
      UserError: the file is not as `note` leaves it.
    """

    def __init__(self, path: Path, what: Mapping[str, Any]) -> None:
        self._path = path
        text = json.dumps(what, sort_keys=True)
        self._key = hashlib.sha256(text.encode()).hexdigest()
        entries = _read(path) if path.exists() else {}
        self._entries = entries
        self._steps: dict[str, Any] = entries.setdefault(self._key, {"what": dict(what)})

    def get(self, step: str) -> dict[str, Any] | None:
        """Return the facts noted of a step, or None where it was not taken."""
        return self._steps.get(step)

    def note(self, step: str, **facts: Any) -> None:
        """Note a step at once, and for good: a power cut does not take it back."""
        self._steps[step] = facts
        self._write()

    def forget(self, *steps: str) -> None:
        """Take steps back, so that they are taken again."""
        for step in steps:
            self._steps.pop(step, None)
        self._write()

    def clear(self) -> None:
        """Forget every step."""
        self._steps = self._entries[self._key] = {"what": self._steps["what"]}
        self._write()

    def _write(self) -> None:
        with atomic_file(self._path) as temporary, temporary.open("w", encoding="utf-8") as stream:
            json.dump(self._entries, stream, indent=2, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        # A rename is on the disk only once the folder is.
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # of the new name
        finally:
            os.close(folder)


def _read(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    try:
        return _ENTRIES.validate_python(read_json(path))
    except ValidationError:
        found = f"{path}: expected the steps of each submission"
    except UserError as error:
        found = str(error)
    raise UserError(f"{found}; {_REMOVE}")


@contextlib.contextmanager
def alone(folder: Path, doing: str) -> Iterator[None]:
    """Let one process at a time do what the journal in `folder` is of.

    Args:
      folder: is made.
      doing: what that is, for the message.

    Raises:
      UserError: another one does it.
    """
    # Two processes with one journal could both find that nothing has been sent.
    held = file_lock.take(folder, patience=0.0)
    if held is None:
        raise UserError(f"{folder}: another {doing} is under way; wait for it")
    try:
        yield
    finally:
        held.release()
