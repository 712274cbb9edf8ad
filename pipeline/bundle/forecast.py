"""The time that the hidden test will take, by what a run on the few public essays measured."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from pipeline.bundle.time_limit import in_time, turns
from pipeline.durations import span
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.units import Unit

REPORT = "inference.json"
"""The file that a run of the kernel writes beside its submission."""

FORECAST = "forecast"
"""The key of the forecast in it."""


class Pace(NamedTuple):
    """The warm speed of one model: seconds to load a fold and of a step, and a step's rows."""

    load: float
    step: float
    per_step: int

    def fold(self, rows: int) -> float:
        """Return the seconds of one fold over so many rows; a last step is as long as any."""
        return self.load + math.ceil(rows / self.per_step) * self.step


@dataclass(frozen=True)
class Forecast:
    """A forecast for a hidden test.

    Attributes:
      essays: of the test.
      folds: of each model, its full fits among them.
      before: seconds until the first fold of a model.
      seconds: of the whole run, were no fold left out.
      limit: seconds of the session.
      done: folds of each model that end in time.
    """

    essays: int
    folds: dict[str, int]
    before: float
    seconds: float
    limit: float
    done: dict[str, int]

    @property
    def late(self) -> bool:
        """True if the session is over before the first fold; none of a model can end then."""
        return not in_time(self.before, self.limit)

    @property
    def lost(self) -> list[str]:
        """The models of which not one fold ends in time."""
        return [name for name, done in self.done.items() if not done]

    @property
    def cut(self) -> dict[str, int]:
        """The folds of each model of which some end in time, and some don't."""
        return {name: done for name, done in self.done.items() if 0 < done < self.folds[name]}

    @property
    def time(self) -> str:
        """The time it takes, and the time there is, in words."""
        return f"{self.essays:,} essays take about {span(self.seconds)} of {span(self.limit)}"

    def __str__(self) -> str:
        if self.late:
            return f"{self.time}, {span(self.before)} of it before any model: it would not end"
        lost = [f"without {name}" for name in self.lost]
        cut = [
            f"with {done} of {self.folds[name]} folds of {name}" for name, done in self.cut.items()
        ]
        ends = f", so it would predict {', '.join(lost + cut)}" if lost or cut else ""
        return f"{self.time}{ends}"

    def content(self) -> dict[str, Any]:
        """Return it as the report has it."""
        return asdict(self) | {
            "before": round(self.before, 1),
            "seconds": round(self.seconds, 1),
        }


def forecast(
    essays: int,
    seconds: Mapping[str, float],
    trained: Mapping[str, Sequence[Unit]],
    before: float,
    limit: float,
) -> Forecast:
    """Follow a run to its end.

    Args:
      essays: of the hidden test.
      seconds: of one fold of each model over so many essays.
      trained: the units that each model predicts with.
      before: seconds until the first fold.
      limit: seconds of the session.
    """
    at, done = before, dict.fromkeys(seconds, 0)
    for _, name in turns(seconds, trained):
        if in_time(at + seconds[name], limit):
            at += seconds[name]
            done[name] += 1
    folds = {name: len(trained[name]) for name in seconds}
    total = before + sum(folds[name] * seconds[name] for name in seconds)
    return Forecast(essays, folds, before, total, limit, done)


def read_forecast(folder: Path) -> Forecast:
    """Read the forecast that a run left in its output's folder.

    Raises:
      UserError: it left none.
    """
    path = folder / REPORT
    try:
        return TypeAdapter(Forecast).validate_python(read_json(path)[FORECAST])
    except (KeyError, TypeError, ValidationError):
        raise UserError(f"{path}: holds no forecast for the hidden test") from None
