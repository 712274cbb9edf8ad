"""Timing of a run's parts, and the check that the next one fits into the session."""

import time
from collections.abc import Sequence

from pipeline.durations import span
from pipeline.progress import say

LIMIT = 9 * 3600  # seconds that Kaggle gives a code submission
_RESERVE = 600  # for what comes after the last fold, and for a slower stretch


class Clock:
    """Laps of one run against the session's limit."""

    def __init__(self, started: float, limit: float = LIMIT) -> None:
        """`started` is of `time.time`, when the session began."""
        self._started, self._limit = started, limit
        self._last = started
        self.laps: list[tuple[str, float]] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the session began."""
        return time.time() - self._started

    def allows(self, part: str) -> bool:
        """Tell whether another lap of `part`, as long as its last one, would end in time."""
        return self.elapsed + self._seconds(part) < self._limit - _RESERVE

    def lap(self, part: str, title: str = "", left: Sequence[str] = ()) -> None:
        """End a lap; say how long it took, and how long `left` will by the last lap of each."""
        now = time.time()
        self.laps.append((part, now - self._last))
        self._last = now
        line = f"{title or part}: {self.laps[-1][1]:.1f} s"
        if left:
            known = {name: self._seconds(name) for name in left}
            total = sum(known[name] or self.laps[-1][1] for name in left)
            rest = self._limit - self.elapsed
            line += f"; {len(left)} folds to go in about {span(total)}, {span(rest)} are left"
        say(line)

    def _seconds(self, part: str) -> float:
        return next((s for name, s in reversed(self.laps) if name == part), 0.0)
