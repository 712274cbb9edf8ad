"""submission.csv as it is, to a competition that takes files."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipeline import paths
from pipeline.delivery.kaggle import submissions
from pipeline.delivery.kaggle.client import Client
from pipeline.delivery.kaggle.journal import Journal
from pipeline.delivery.kaggle.once import Origin, score_of, submit_once
from pipeline.delivery.kaggle.patience import Patience
from pipeline.delivery.kaggle.refusals import RefusedError
from pipeline.delivery.kaggle.submissions import Score
from pipeline.errors import UserError
from pipeline.files import read_json, sha256

_NOTEBOOKS_ONLY = "only accepts Submissions from Notebooks"


@dataclass(frozen=True)
class CsvRoute:
    """The two steps: submit and wait for the score."""

    client: Client
    competition: str
    path: Path
    digest: str
    origin: Origin
    journal: Journal
    patience: Patience

    def run(self) -> tuple[int, Score]:
        """Take the steps that are still to be taken; return the reference and the score.

        Raises:
          UserError: whatever is in the way.
        """
        try:
            reference = submit_once(self.journal, self.origin.note(self.digest), self._send)
        except RefusedError as error:
            if _NOTEBOOKS_ONLY in error.message:
                raise UserError(f"{error}; leave out --csv") from None
            raise
        return reference, score_of(self.client, reference, self.journal, self.patience)

    def _send(self, note: str, sent: bool) -> int:
        return submissions.submit_file(self.client, self.competition, self.path, note, sent)


def origin_of_checkout() -> Origin:
    """Where submission.csv comes from, by the board, the metrics and git."""
    board = Path("params.yaml")
    digest = sha256(board)
    figures = read_json(paths.metrics("ensemble"))
    return Origin(_commit(), digest, _recipe(digest), float(figures["log_loss"]))


def _commit() -> str:
    """The commit that is checked out; "unknown" without git."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _recipe(digest: str) -> str:
    """The ready board that params.yaml is, or "params.yaml" where it is none of them."""
    for path in sorted(Path("recipes").glob("*.yaml")):
        if sha256(path) == digest:
            return path.stem
    return "params.yaml"
