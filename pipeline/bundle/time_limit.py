"""Timing of a run's parts, and the check that the next one fits into the session."""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from pipeline.durations import span
from pipeline.progress import say
from pipeline.units import Unit

# Seconds that Kaggle gives a code submission.
LIMIT = 9 * 3600.0
# Seconds for what comes after the last fold, and for a slower stretch.
_RESERVE = 600.0


class Clock:
    """Laps of one run against the session's limit."""

    def __init__(self, started: float, limit: float = LIMIT) -> None:
        """`started` is of `time.time`, when the session began."""
        self._started, self.limit = started, limit
        self._last = started
        self._expected: dict[str, float] = {}
        self.laps: list[tuple[str, float]] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the session began."""
        return time.time() - self._started

    def expect(self, part: str, seconds: float) -> None:
        """Take a lap of `part` to be this long until there is one."""
        self._expected[part] = seconds

    def seconds(self, part: str) -> float:
        """Return how long the last lap of `part` took, or is expected to take; else 0."""
        expected = self._expected.get(part, 0.0)
        return next((s for name, s in reversed(self.laps) if name == part), expected)

    def allows(self, part: str) -> bool:
        """Tell whether another lap of `part` would end in time."""
        return in_time(self.elapsed + self.seconds(part), self.limit)

    def lap(self, part: str, title: str = "", left: Sequence[str] = ()) -> None:
        """End a lap; say how long it took, and how long `left` will by the last lap of each."""
        now = time.time()
        self.laps.append((part, now - self._last))
        self._last = now
        line = f"{title or part}: {self.laps[-1][1]:.1f} s"
        if left:
            total = sum(self.seconds(name) or self.laps[-1][1] for name in left)
            rest = self.limit - self.elapsed
            line += f"; {len(left)} folds to go in about {span(total)}, {span(rest)} are left"
        say(line)


def in_time(seconds: float, limit: float) -> bool:
    """Tell whether what ends so long after the session's begin leaves a reserve."""
    return seconds < limit - _RESERVE


def turns(
    seconds: Mapping[str, float], trained: Mapping[str, Sequence[Unit]]
) -> Iterator[tuple[Unit, str]]:
    """Yield every fold and full fit of every model in the order in which they are predicted.

    Folds outside, models inside: when time runs out, as many models as can be have predicted at
    least once. Of the models those that take less time (`seconds`, of a fold) come first, so that
    a slow one costs no other its place.
    """
    order = sorted(seconds, key=lambda name: seconds[name])
    for round_of in zip_longest(*(trained[name] for name in order)):
        for unit, name in zip(round_of, order, strict=True):
            if unit is not None:
                yield unit, name
