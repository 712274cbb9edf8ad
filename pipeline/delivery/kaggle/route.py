"""From a bundle to a score: each step noted in the journal, none taken twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.delivery.kaggle import datasets, kernels, ledger, submissions
from pipeline.delivery.kaggle.client import Client
from pipeline.delivery.kaggle.journal import Journal
from pipeline.delivery.kaggle.once import score_of, source_of, submit_once
from pipeline.delivery.kaggle.parcel import Bundle, dataset_metadata, pack
from pipeline.delivery.kaggle.patience import Patience
from pipeline.delivery.kaggle.refusals import FailedError
from pipeline.delivery.kaggle.submissions import NotSubmittableError, Score
from pipeline.delivery.kaggle.target import Target
from pipeline.errors import UserError
from pipeline.files import sha256
from pipeline.progress import say

_PUSHES = 3
_DATASET_HOURS = 2.0  # Kaggle takes minutes; what takes longer is stuck
_AFTER_DATASET = ("pushed", "output", "submitting")


@dataclass(frozen=True)
class Route:
    """The steps of a code competition: dataset, kernel, submission, score."""

    client: Client
    target: Target
    bundle: Bundle
    script: str  # of the kernel
    order: Sequence[str]  # ids of the visible sample
    journal: Journal
    patience: Patience
    folder: Path

    def run(self) -> tuple[int, str, Score]:
        """Take the steps that are still to be taken.

        Returns:
          The submission's reference, sha256 of submission.csv, and the score.

        Raises:
          UserError: whatever is in the way; the same command goes on from there.
        """
        self._upload()
        for left in reversed(range(_PUSHES)):
            version = self._push()
            digest = self._predict(version)
            try:
                reference = self._submit(version)
                break
            except NotSubmittableError as error:
                self.journal.forget(*_AFTER_DATASET)
                if not left:
                    raise UserError(f"{error}, nor {_PUSHES - 1} versions before it") from None
                say(f"{error}: pushing it again")
        else:
            raise AssertionError("the last failure raises")
        score = score_of(self.client, reference, self.journal, self.patience)
        return reference, digest, score

    def _upload(self) -> None:
        ref, done = self.target.dataset_ref, self.journal.get("dataset")
        if not done:
            files = pack(
                self.bundle, dataset_metadata(self.target, self.bundle), self.folder / "upload"
            )
            size = sum(path.stat().st_size for path in files) / 1e6
            say(f"dataset {ref}: uploading {len(files)} files, {size:,.1f} MB")
            notes = f"commit {self.bundle.manifest['commit']}, manifest {self.bundle.digest}"
            version = datasets.publish(self.client, ref, self.folder / "upload", notes)
            self.journal.note("dataset", version=version, time=ledger.now())
            done = {"version": version}
        if not self.journal.get("ready"):
            patience = Patience(self.patience.every, min(self.patience.hours, _DATASET_HOURS))
            try:
                datasets.wait_until_ready(self.client, ref, done["version"], patience)
            except FailedError:
                self.journal.forget("dataset")
                raise
            self.journal.note("ready", time=ledger.now())

    def _push(self) -> int:
        done = self.journal.get("pushed")
        if done:
            return done["version"]
        try:
            version = kernels.push(self.client, self.target, self.script, self.folder / "kernel")
        except FailedError:  # the dataset may have been removed since
            self.journal.forget("dataset", "ready")
            raise
        say(f"kernel {self.target.kernel_ref}: version {version} pushed, every source accepted")
        self.journal.note("pushed", version=version, time=ledger.now())
        return version

    def _predict(self, version: int) -> str:
        done = self.journal.get("output")
        if done:
            return done["sha256"]
        ref, output = self.target.kernel_ref, self.folder / "output"
        try:
            kernels.wait_until_done(self.client, ref, version, self.patience, output)
            path = kernels.fetch_output(self.client, ref, version, self.order, output)
            kernels.check_origin(self.bundle.manifest, ref, version, output)
        except FailedError:
            self.journal.forget("pushed")
            raise
        digest = sha256(path)
        say(f"{path}: {len(self.order):,} rows, checked")
        self.journal.note("output", sha256=digest, time=ledger.now())
        return digest

    def _submit(self, version: int) -> int:
        def send(note: str, sent: bool) -> int:
            return submissions.submit_kernel(
                self.client, self.target.competition, self.target.kernel_ref, version, note, sent
            )

        note = source_of(self.bundle).note(self.bundle.digest, version)
        return submit_once(self.journal, note, send)
