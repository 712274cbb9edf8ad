"""A look for earlier submissions of the same, in the ledger and in Kaggle's own list."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError
from pipeline.kaggle import ledger
from pipeline.kaggle.journal import Journal
from pipeline.kaggle.once import mark
from pipeline.kaggle.submissions import Submissions

_ONCE_MORE = "--again submits it once more"


@dataclass(frozen=True)
class Guard:
    """A guard against submitting the same twice, whatever became of the journal.

    Attributes:
      journal: of the submission; one that `--again` asked for may be the same as another.
      submissions: to the competition.
      path: the ledger.
      sent: sha256 of what is to be sent and decides the predictions.
      parameters: sha256 of params.yaml.
    """

    journal: Journal
    submissions: Submissions
    path: Path
    sent: str
    parameters: str

    def check(self, submission: str | None = None) -> None:
        """Look for the same, unless it is under way; `submission` is submission.csv's sha256.

        Raises:
          UserError: it was submitted before.
        """
        # A submission under way may stand on Kaggle's list already, and must not refuse itself.
        if self.journal.get("again") or self.journal.get("submitting"):
            return
        for number, line in enumerate(ledger.read(self.path), start=1):
            competition = self.submissions.competition
            if ledger.is_same(line, competition, self.sent, self.parameters, submission):
                score = "not shown" if line.public is None else f"{line.public:g}"
                raise UserError(
                    f"{self.path}: line {number}: submission {line.reference} was of the same "
                    f"already (public score {score}); {_ONCE_MORE}"
                )
        found = self.submissions.described(mark(d) for d in (self.sent, submission) if d)
        if found:
            reference, description = found
            raise UserError(
                f"Kaggle has submission {reference} of the same already ({description}); "
                f"{_ONCE_MORE}"
            )
