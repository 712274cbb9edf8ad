"""submissions.jsonl: one line a scored submission, kept in git."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline import json_lines


@dataclass(frozen=True)
class Line:
    """One submission.

    Attributes:
      time: when the score was seen, UTC, ISO 8601.
      commit: of the project, None without git.
      submission: sha256 of submission.csv, over the competition's visible sample.
      parameters: sha256 of params.yaml.
      recipe: the one that params.yaml was, if any.
      out_of_fold: nested log loss of what was submitted.
      public: the leaderboard's, None where Kaggle does not show it; likewise `private`.
      reference: Kaggle's number.
      competition: where it went; like `sent`, lines of before have None.
      sent: sha256 of what was sent and decides the predictions, as descriptions begin with it.
    """

    time: str
    commit: str | None
    submission: str
    parameters: str
    recipe: str | None
    out_of_fold: float
    public: float | None
    private: float | None
    reference: int
    competition: str | None = None
    sent: str | None = None


def now() -> str:
    """Return the present time, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def read(path: Path) -> list[Line]:
    """Read the ledger.

    Raises:
      UserError: a line is not a submission.
    """
    return json_lines.read(path, Line)


def add(path: Path, line: Line) -> bool:
    """Add a line, unless its reference is there already; say whether it was added."""
    present = read(path)
    if line.reference in {other.reference for other in present}:
        return False
    json_lines.write(path, [*present, line])
    return True


def is_same(
    line: Line, competition: str, sent: str, parameters: str, submission: str | None = None
) -> bool:
    """Tell whether a line is of the same submission.

    Args:
      line: of the ledger.
      competition: where it is to go.
      sent: hash of what is to be sent.
      parameters: sha256 of params.yaml; decides about lines of before as long as nothing else can.
      submission: sha256 of submission.csv, once it is known.
    """
    if line.competition not in (None, competition):
        return False
    if submission is not None and line.submission == submission:
        return True
    if line.sent is None:
        return submission is None and line.parameters == parameters
    return line.sent == sent
