"""A stage's lines, told apart: how far it is, what it says, why it ended.

Standard library alone, as all that Ray's workers import.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PROGRESS = re.compile(r"(\d+) of (\d+) (\w+?)(?:es|s)?(?:, (.*))?")
_BEGUN = re.compile(r"(\d+) (step)s on .*")
_RESUMED = re.compile(r"resumed at (step) (\d+) of (\d+).*")
_ENDED = re.compile(r"exited with (\d+)$")
_KEPT = 20


@dataclass(frozen=True)
class Begun:
    """A stage begins on a node."""

    stage: str
    where: str


@dataclass(frozen=True)
class Said:
    """A stage has said a line."""

    stage: str
    line: str


@dataclass(frozen=True)
class Reached:
    """A stage is so far.

    Attributes:
      count, total: steps, or another unit.
      note: rate and time left, as the stage sees them.
    """

    stage: str
    count: int
    total: int
    unit: str
    note: str = ""


Event = Begun | Said | Reached


class Listener:
    """Reads the lines of one stage and of the DVC around it.

    Attributes:
      status: the stage's own exit status, None until DVC tells one.
    """

    def __init__(self, stage: str, tell: Callable[[Event], None]) -> None:
        """Tell events of `stage` as its lines come."""
        self.stage, self._tell = stage, tell
        self.status: int | None = None
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._error: str | None = None
        self._stopped: str | None = None

    def hear(self, raw: str) -> None:
        """Take in a line."""
        line = _COLOUR.sub("", raw).strip()
        if not line:
            return
        self._last.append(line)
        if line.startswith("error: ") and self._error is None:
            self._error = line.removeprefix("error: ")
        elif line.startswith("stopped: "):
            self._stopped = line.removeprefix("stopped: ")
        elif ended := _ENDED.search(line):
            self.status = int(ended[1])
        own = line.removeprefix(f"{self.stage}: ")
        if own == line:
            return
        reached = self._reached(own)
        if reached is not None:
            self._tell(reached)
        if reached is None or not _PROGRESS.fullmatch(own):
            self._tell(Said(self.stage, line))

    @property
    def fault(self) -> str:
        """The reason of a failure: its own line for a user, else DVC's, else the last one."""
        if self._error is not None:
            return self._error
        told = [line for line in self._last if line.startswith("ERROR: ")]
        last = told or list(self._last) or ["it said nothing"]
        return last[-1].removeprefix("ERROR: ")

    @property
    def stop(self) -> str | None:
        """Its word as it was stopped."""
        return self._stopped

    def _reached(self, own: str) -> Reached | None:
        if found := _PROGRESS.fullmatch(own):
            return Reached(self.stage, int(found[1]), int(found[2]), found[3], found[4] or "")
        if found := _BEGUN.fullmatch(own):
            return Reached(self.stage, 0, int(found[1]), found[2])
        if found := _RESUMED.fullmatch(own):
            return Reached(self.stage, int(found[2]), int(found[3]), found[1])
        return None
