"""The report that a run of the kernel writes beside its submission."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.bundle.forecast import FORECAST, REPORT, Forecast
from pipeline.files import write_json


@dataclass(frozen=True)
class Report:
    """The figures of a run.

    Attributes:
      platform: of the devices.
      dtypes: of each model's activations.
      rows: of the submission.
      rows_without_prediction: rows with priors in the place of a prediction.
      folds: the number of folds of each model that predicted.
      forecast: for the hidden test.
      laps: the parts of the run in their order, and the seconds that each took.
      seconds: of the whole run.
      peak_megabytes: of memory.
    """

    platform: str
    dtypes: dict[str, str]
    rows: int
    rows_without_prediction: int
    folds: dict[str, int]
    forecast: Forecast
    laps: Sequence[tuple[str, float]]
    seconds: float
    peak_megabytes: float

    def write(self, folder: Path) -> None:
        """Write it as JSON into a folder."""
        content = {
            "platform": self.platform,
            "dtypes": self.dtypes,
            "rows": self.rows,
            "rows_without_prediction": self.rows_without_prediction,
            "folds": self.folds,
            FORECAST: self.forecast.content(),
            "laps": [{"part": part, "seconds": round(spent, 2)} for part, spent in self.laps],
            "seconds": round(self.seconds, 2),
            "peak_megabytes": round(self.peak_megabytes),
        }
        write_json(folder / REPORT, content)
