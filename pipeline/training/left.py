"""The time that training still takes, by what earlier folds took."""

import statistics
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipeline import paths
from pipeline.configuration import Configuration
from pipeline.configured_units import trained_units
from pipeline.durations import span
from pipeline.files import read_json
from pipeline.training.job import job_of


@dataclass(frozen=True)
class Left:
    """What is still to be trained.

    Attributes:
      units: by model, how many.
      seconds: by model, the median that one took; models that were never timed are not in it.
    """

    units: Mapping[str, int]
    seconds: Mapping[str, float]

    @property
    def line(self) -> str:
        """The whole in one line."""
        if not self.units:
            return "nothing left to train"
        named = ", ".join(f"{count} of {model}" for model, count in self.units.items())
        known = sum(self.units[model] * took for model, took in self.seconds.items())
        unknown = [model for model in self.units if model not in self.seconds]
        about = f"about {span(known)} one after another" if self.seconds else "time not known"
        rest = f", and {', '.join(unknown)}, never timed (make smoke)" if self.seconds else ""
        return f"left to train: {named}: {about}{rest if unknown else ''}"


def left(configuration: Configuration, waiting: Collection[str]) -> Left:
    """Count what waits, and look up what the same model's folds took.

    Args:
      configuration: the present one.
      waiting: stages that a run would make.
    """
    units: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for model in configuration.read("models", dict):
        whole = trained_units(configuration, model)
        count = sum(job_of(configuration, model, unit).name in waiting for unit in whole)
        if not count:
            continue
        units[model] = count
        timed = [path for unit in whole if (path := paths.timing(model, unit)).is_file()]
        # One that went on from a checkpoint took longer than its file says.
        found = [read_json(path) for path in timed]
        took = [one["seconds"] for one in found if not one["resumed_from"]]
        if took:
            seconds[model] = statistics.median(took)
    return Left(units, seconds)
