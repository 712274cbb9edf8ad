"""From a bundle to a score: each step noted in the journal, none taken twice."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.files import sha256
from pipeline.kaggle import datasets, evidence, kernel_output, kernel_runs, ledger
from pipeline.kaggle.client import Client
from pipeline.kaggle.journal import Journal
from pipeline.kaggle.once import (
    Submitted,
    mark,
    noted_source,
    score_of,
    source_of,
    submit_once,
)
from pipeline.kaggle.parcel import CheckedBundle, pack, packed_files
from pipeline.kaggle.patience import Patience
from pipeline.kaggle.refusals import FailedError, not_private
from pipeline.kaggle.submissions import NotSubmittableError
from pipeline.kaggle.target import Target
from pipeline.kaggle.twice import Guard
from pipeline.progress import say

_PUSHES = 3
_DATASET = ("dataset", "ready")
_AFTER_DATASET = ("pushed", "output", "submitting")


@dataclass(frozen=True)
class Route:
    """The steps of a code competition: dataset, kernel, submission, score."""

    guard: Guard
    target: Target
    bundle: CheckedBundle
    script: str  # of the kernel
    order: Sequence[str]  # ids of the visible sample
    folder: Path
    # Submit what would not end in time too.
    anyway: bool

    @property
    def client(self) -> Client:
        """The client that all steps share."""
        return self.guard.submissions.client

    @property
    def journal(self) -> Journal:
        """The journal of this submission."""
        return self.guard.journal

    @property
    def patience(self) -> Patience:
        """The pace of all waits."""
        return self.guard.submissions.patience

    def run(self) -> Submitted:
        """Take the steps that are still to be taken.

        Raises:
          UserError: whatever is in the way; the same command goes on from there.
        """
        self.guard.check()
        self._refuse_public()
        self._upload()
        for left in reversed(range(_PUSHES)):
            version = self._push()
            digest = self._predict(version)
            # Other files may give the same predictions, as after a new comment in the code.
            self.guard.check(digest)
            self._check_time()
            try:
                reference = self._submit(version, digest)
                break
            except NotSubmittableError as error:
                self.journal.forget(*_AFTER_DATASET)
                if not left:
                    raise UserError(f"{error}, nor {_PUSHES - 1} versions before it") from None
                say(f"{error}: pushing it again")
        else:
            raise AssertionError("the last failure raises")
        submissions, sent = self.guard.submissions, self.guard.sent
        score = score_of(submissions, reference, self.journal)
        source = noted_source(self.journal)
        return Submitted(submissions.competition, sent, source, reference, digest, score)

    def _refuse_public(self) -> None:
        """Refuse to add to a dataset or a kernel that others see, before anything is sent.

        A push asks for a private kernel, but the versions before it were read as public, and no
        documentation says what becomes of the whole.
        """
        if self.journal.get("pushed"):
            return
        if datasets.is_private(self.client, self.target.dataset_ref) is False:
            error = not_private("dataset", self.target.dataset_ref)
            raise UserError(f"{error}, or take another name with --dataset")
        if kernel_runs.is_private(self.client, self.target.kernel_ref) is False:
            error = not_private("kernel", self.target.kernel_ref)
            raise UserError(f"{error}, or take another name with --kernel")

    def _upload(self) -> None:
        """Have this bundle as the dataset's current version, as long as no kernel is pushed."""
        ref = self.target.dataset_ref
        # A pushed kernel runs on what was current then; another version would not reach it.
        if self.journal.get("pushed"):
            return
        ready = self.journal.get("ready")
        if ready and datasets.current_version(self.client, ref) != ready["version"]:
            say(f"dataset {ref}: version {ready['version']} is not the current one any more")
            self.journal.forget(*_DATASET)
        patience = replace(self.patience, hours=min(self.patience.hours, datasets.HOURS))
        done = self.journal.get("dataset") or self._publish(patience)
        if self.journal.get("ready"):
            return
        try:
            version = datasets.wait_until_ready(
                self.client, ref, done["notes"], done["before"], patience
            )
        except FailedError:
            self.journal.forget("dataset")
            raise
        self.journal.note("ready", version=version, time=ledger.now())

    def _publish(self, patience: Patience) -> dict[str, Any]:
        """Upload the bundle; return what the journal notes of it."""
        ref, begun = self.target.dataset_ref, self.journal.get("packed")
        packed = pack(
            self.bundle, self.target, self.folder / "upload", begun["manifest"] if begun else None
        )
        self.journal.note("packed", manifest=packed.digest)
        self.journal.note("source", **asdict(source_of(packed)))
        files = packed_files(packed)
        size = sum(path.stat().st_size for path in files) / 1e6
        say(f"dataset {ref}: uploading {len(files)} files, {size:,.1f} MB")
        notes = f"commit {packed.manifest['commit']}, manifest {packed.digest}"
        before = datasets.publish(self.client, ref, packed.folder, notes, patience)
        done = {"manifest": packed.digest, "notes": notes, "before": before, "time": ledger.now()}
        self.journal.note("dataset", **done)
        return done

    def _push(self) -> int:
        done = self.journal.get("pushed")
        if done:
            return done["version"]
        folder = self.folder / "kernel"
        try:
            metadata = kernel_runs.kernel_metadata(self.target)
            version = kernel_runs.push(self.client, metadata, self.script, folder, self.patience)
        except FailedError:  # the dataset may have been removed since
            self.journal.forget(*_DATASET)
            raise
        say(f"kernel {self.target.kernel_ref}: version {version} pushed, every source accepted")
        self.journal.note("pushed", version=version, time=ledger.now())
        return version

    def _predict(self, version: int) -> str:
        """Wait for the run and check what it left; return submission.csv's sha256."""
        done = self.journal.get("output")
        if done:
            return done["sha256"]
        try:
            path = self._checked_output(version)
        except evidence.OtherBundleError:  # another version of the dataset came in between
            self.journal.forget("pushed", *_DATASET)
            raise
        except FailedError:
            self.journal.forget("pushed")
            raise
        digest = sha256(path)
        say(f"{path}: {len(self.order):,} rows, checked")
        slow = evidence.too_slow(f"kernel {self.target.kernel_ref} version {version}", path.parent)
        self.journal.note("output", sha256=digest, slow=slow, time=ledger.now())
        return digest

    def _checked_output(self, version: int) -> Path:
        ref, output = self.target.kernel_ref, self.folder / "output"
        run = f"kernel {ref} version {version}"
        kernel_runs.wait_until_done(self.client, ref, version, self.patience, output)
        path = kernel_output.fetch_output(self.client, ref, version, self.order, output)
        uploaded = self.journal.get("packed") or {}
        # Kaggle's kernels name no version of a dataset, so only the log tells which one was read.
        evidence.check_bundle(uploaded["manifest"], run, output)
        evidence.check_devices(self.target.accelerator, run, output)
        return path

    def _check_time(self) -> None:
        """Hold a run back that would not end on the hidden test; it needn't be repeated for it."""
        slow = (self.journal.get("output") or {}).get("slow")
        if slow and not self.anyway and not self.journal.get("submitting"):
            raise UserError(slow)

    def _submit(self, version: int, digest: str) -> int:
        def send(note: str, sent: bool) -> int:
            submissions, kernel = self.guard.submissions, self.target.kernel_ref
            return submissions.submit_kernel(kernel, version, note, sent)

        note = noted_source(self.journal).note(self.guard.sent)
        details = f"kernel version {version}, output {mark(digest)}"
        return submit_once(self.journal, f"{note}, {details}", send)
