"""submission.csv as it is, to a competition that takes files."""

from dataclasses import dataclass
from pathlib import Path

from pipeline import params, paths
from pipeline.delivery.kaggle import submissions
from pipeline.delivery.kaggle.client import Client
from pipeline.delivery.kaggle.journal import Journal
from pipeline.delivery.kaggle.once import Source, score_of, submit_once
from pipeline.delivery.kaggle.patience import Patience
from pipeline.delivery.kaggle.refusals import RefusedError
from pipeline.delivery.kaggle.submissions import Score
from pipeline.delivery.manifest import Origin
from pipeline.errors import UserError
from pipeline.files import read_json

_NOTEBOOKS_ONLY = "only accepts Submissions from Notebooks"


@dataclass(frozen=True)
class CsvRoute:
    """The two steps: submit and wait for the score."""

    client: Client
    competition: str
    path: Path
    digest: str
    source: Source
    journal: Journal
    patience: Patience

    def run(self) -> tuple[int, Score]:
        """Take the steps that are still to be taken; return the reference and the score.

        Raises:
          UserError: whatever is in the way.
        """
        try:
            reference = submit_once(self.journal, self.source.note(self.digest), self._send)
        except RefusedError as error:
            if _NOTEBOOKS_ONLY in error.message:
                raise UserError(f"{error}; leave out --csv") from None
            raise
        return reference, score_of(self.client, reference, self.journal, self.patience)

    def _send(self, note: str, sent: bool) -> int:
        return submissions.submit_file(self.client, self.competition, self.path, note, sent)


def source_here() -> Source:
    """Where submission.csv comes from, by the board, the metrics and git."""
    here = Origin.here(params.load())
    figures = read_json(paths.metrics("ensemble"))
    return Source(here.commit, here.parameters, here.recipe, float(figures["log_loss"]))
