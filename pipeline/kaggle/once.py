"""The last steps of every submission: send it once, wait for its score, write the ledger."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.kaggle import ledger
from pipeline.kaggle.journal import Journal
from pipeline.kaggle.parcel import CheckedBundle
from pipeline.kaggle.refusals import FailedError, RefusedError
from pipeline.kaggle.submissions import PerhapsSentError, Score, Submissions
from pipeline.progress import say


@dataclass(frozen=True)
class Provenance:
    """The origin of a submission, for its description and the ledger.

    Attributes:
      commit: "-dirty" behind it where edits are in no commit; None without git.
      parameters: sha256 of params.yaml.
      recipe: the one that params.yaml is, if any.
      log_loss: nested, out of fold.
    """

    commit: str | None
    parameters: str
    recipe: str | None
    log_loss: float

    def note(self, sent: str) -> str:
        """Describe what is sent by its hash; with the time added the words are unique."""
        commit, dirty, _ = (self.commit or "unknown").partition("-dirty")
        return (
            f"{self.recipe or 'own configuration'}, out of fold {self.log_loss:.4f}, commit "
            f"{commit[:12]}{dirty}, sha256 {mark(sent)}"
        )


@dataclass(frozen=True)
class Submitted:
    """A submission with its score.

    Attributes:
      competition: where it went.
      sent: sha256 of what was sent and decides the predictions.
      source: where that comes from.
      reference: Kaggle's number.
      digest: sha256 of submission.csv.
      score: the leaderboard's.
    """

    competition: str
    sent: str
    source: Provenance
    reference: int
    digest: str
    score: Score


def mark(digest: str) -> str:
    """Shorten a hash to what a description holds."""
    return digest[:16]


def source_of(bundle: CheckedBundle) -> Provenance:
    """Read the source of a bundle off its manifest."""
    found = bundle.manifest
    return Provenance(found["commit"], found["parameters"], found["recipe"], found["log_loss"])


def noted_source(journal: Journal) -> Provenance:
    """Return the source that was noted when this was first sent.

    Later commits don't change it.
    """
    return Provenance(**(journal.get("source") or {}))


def begin(journal: Journal, again: bool) -> None:
    """Start another submission where `--again` asks for one and none is under way."""
    concluded = journal.get("concluded")
    if again and (concluded or journal.get("failed")):
        journal.clear()
    elif again and journal.get("submitting"):
        say("--again: the submission under way goes on; another one can follow its score")
    elif concluded:
        say("this was submitted already; --again submits it once more")
    if again:
        journal.note("again", time=ledger.now())


def submit_once(journal: Journal, note: str, send: Callable[[str, bool], int]) -> int:
    """Submit, unless the journal says that it was done.

    The intention is noted first, since the answer may get lost.

    Args:
      journal: of this submission.
      note: becomes the description.
      send: submits under a description; is told whether an earlier run may have done so already.
    """
    done = journal.get("submitted")
    if done:
        return done["reference"]
    # The description is noted before the request and holds the time, so a later run can find just
    # this submission on Kaggle's list.
    before = journal.get("submitting")
    description = before["description"] if before else f"{note}, {ledger.now()}"
    journal.note("submitting", description=description)
    try:
        reference = send(description, before is not None)
    # The intention stays noted: the next run has to look before it sends.
    except PerhapsSentError:
        raise
    except RefusedError:  # for certain: next time nothing has to be looked for
        journal.forget("submitting")
        raise
    journal.note("submitted", reference=reference, time=ledger.now())
    say(f"submission {reference}: {description}")
    return reference


def score_of(submissions: Submissions, reference: int, journal: Journal) -> Score:
    """Wait for the score unless the journal has it; note where there will be none."""
    done = journal.get("scored")
    if done:
        return Score(done["public"], done["private"])
    try:
        score = submissions.wait_for_score(reference)
    except FailedError:
        journal.note("failed", reference=reference, time=ledger.now())
        raise
    journal.note("scored", public=score.public, private=score.private, time=ledger.now())
    return score


def conclude(done: Submitted, journal: Journal, path: Path) -> None:
    """Write a scored submission into the ledger at `path`, once, and say both scores."""
    source, score = done.source, done.score
    line = ledger.Line(
        time=ledger.now(),
        commit=source.commit,
        submission=done.digest,
        parameters=source.parameters,
        recipe=source.recipe,
        out_of_fold=source.log_loss,
        public=score.public,
        private=score.private,
        reference=done.reference,
        competition=done.competition,
        sent=done.sent,
    )
    if ledger.add(path, line):
        say(f"{path}: submission {done.reference} added; git add {path}")
    public, private = (
        "not shown" if s is None else f"{s:g}" for s in (score.public, score.private)
    )
    say(
        f"submission {done.reference}: public score {public}, private score {private} "
        f"(out of fold {source.log_loss:.4f})"
    )
    journal.note("concluded", time=ledger.now())
