"""The end that all submissions share: sent once, scored, and written into the ledger."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.delivery.kaggle import ledger, submissions
from pipeline.delivery.kaggle.client import Client
from pipeline.delivery.kaggle.journal import Journal
from pipeline.delivery.kaggle.parcel import Bundle
from pipeline.delivery.kaggle.patience import Patience
from pipeline.delivery.kaggle.submissions import Score
from pipeline.progress import say


@dataclass(frozen=True)
class Source:
    """Where a submission comes from, for its description and the ledger.

    Attributes:
      commit: "-dirty" behind it where edits are in no commit; None without git.
      parameters: sha256 of params.yaml.
      recipe: the ready board that params.yaml is, if any.
      log_loss: nested, out of fold.
    """

    commit: str | None
    parameters: str
    recipe: str | None
    log_loss: float

    def note(self, digest: str, version: int | None = None) -> str:
        """What was sent, by its hash; with the time it is a description that no other has."""
        commit, dirty, _ = (self.commit or "unknown").partition("-dirty")
        kernel = f", kernel version {version}" if version else ""
        return (
            f"{self.recipe or 'own board'}, out of fold {self.log_loss:.4f}, commit "
            f"{commit[:12]}{dirty}, sha256 {digest[:16]}{kernel}"
        )


def source_of(bundle: Bundle) -> Source:
    """What a bundle's manifest says about where it comes from."""
    found = bundle.manifest
    return Source(found["commit"], found["parameters"], found["recipe"], found["log_loss"])


def submit_once(journal: Journal, note: str, send: Callable[[str, bool], int]) -> int:
    """Submit unless the journal has it; note the intention first, for the answer may get lost.

    Args:
      journal: of this submission.
      note: becomes the description.
      send: submits under a description; is told whether an earlier run may have done so already.
    """
    done = journal.get("submitted")
    if done:
        return done["reference"]
    before = journal.get("submitting")
    description = before["description"] if before else f"{note}, {ledger.now()}"
    journal.note("submitting", description=description)
    reference = send(description, before is not None)
    journal.note("submitted", reference=reference, time=ledger.now())
    say(f"submission {reference}: {description}")
    return reference


def score_of(client: Client, reference: int, journal: Journal, patience: Patience) -> Score:
    """Wait for the score unless the journal has it."""
    done = journal.get("scored")
    if done:
        return Score(done["public"], done["private"])
    score = submissions.wait_for_score(client, reference, patience)
    journal.note("scored", public=score.public, private=score.private, time=ledger.now())
    return score


def conclude(source: Source, reference: int, digest: str, score: Score, path: Path) -> None:
    """Write a scored submission into the ledger, once, and say both scores.

    Args:
      source: where it comes from.
      reference: Kaggle's number.
      digest: sha256 of submission.csv.
      score: the leaderboard's.
      path: the ledger.
    """
    line = ledger.Line(
        time=ledger.now(),
        commit=source.commit,
        submission=digest,
        parameters=source.parameters,
        recipe=source.recipe,
        out_of_fold=source.log_loss,
        public=score.public,
        private=score.private,
        reference=reference,
    )
    if ledger.add(path, line):
        say(f"{path}: submission {reference} added; git add {path}")
    public, private = (
        "not shown" if s is None else f"{s:g}" for s in (score.public, score.private)
    )
    say(
        f"submission {reference}: public score {public}, private score {private} "
        f"(out of fold {source.log_loss:.4f})"
    )
