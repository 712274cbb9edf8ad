"""Submit submission.csv itself, to a competition that takes files."""

from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline import paths
from pipeline.bundle.manifest import BundleOrigin
from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.kaggle.once import Provenance, Submitted, noted_source, score_of, submit_once
from pipeline.kaggle.refusals import RefusedError
from pipeline.kaggle.twice import Guard

_NOTEBOOKS_ONLY = "only accepts Submissions from Notebooks"


@dataclass(frozen=True)
class CsvRoute:
    """The two steps: submit and wait for the score."""

    guard: Guard
    path: Path
    digest: str
    source: Provenance

    def run(self) -> Submitted:
        """Take the steps that are still to be taken.

        Raises:
          UserError: whatever is in the way; the same command goes on from there.
        """
        journal, submissions = self.guard.journal, self.guard.submissions
        self.guard.check(self.digest)
        if not journal.get("submitting"):
            journal.note("source", **asdict(self.source))
        source = noted_source(journal)
        try:
            reference = submit_once(journal, source.note(self.digest), self._send)
        except RefusedError as error:
            if _NOTEBOOKS_ONLY in error.message:
                raise UserError(f"{error}; leave out --csv") from None
            raise
        score = score_of(submissions, reference, journal)
        sent = self.guard.sent
        return Submitted(submissions.competition, sent, source, reference, self.digest, score)

    def _send(self, note: str, sent: bool) -> int:
        return self.guard.submissions.submit_file(self.path, note, sent)


def source_here() -> Provenance:
    """Describe the origin of submission.csv by the configuration, the metrics and git."""
    here = BundleOrigin.here(load_configuration())
    figures = read_json(paths.metrics("ensemble"))
    return Provenance(here.commit, here.parameters, here.recipe, float(figures["log_loss"]))
