"""One kernel that trains: push it, follow its log, fetch what it left."""

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import UserError
from pipeline.files import read_json, sha256
from pipeline.kaggle import kernel_output, kernel_runs, ledger
from pipeline.kaggle.accelerators import Accelerator
from pipeline.kaggle.client import Client
from pipeline.kaggle.journal import NAME, Journal
from pipeline.kaggle.limits import limited
from pipeline.kaggle.patience import Patience, wait
from pipeline.kaggle.refusals import FailedError
from pipeline.kaggle.training.onsite import CHECKPOINTS, REMOTE, REPORT
from pipeline.kaggle.training.order import Order

_SILENCE = 120.0  # seconds of a log's silence after which it is asked for anew


@dataclass(frozen=True)
class File:
    """A file of a kernel's output."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Report:
    """A kernel's word on its run.

    Attributes:
      order: digest of what it was told.
      stages: how each ended, by name.
      said: the last line of those that didn't end well.
      files: by name.
      seconds: of the run.
    """

    order: str
    stages: Mapping[str, str]
    said: Mapping[str, str]
    files: Mapping[str, File]
    seconds: float


_REPORT = TypeAdapter(Report)


@dataclass(frozen=True)
class KernelSession:
    """A kernel with its order.

    Attributes:
      client: signed in.
      slug: of the kernel.
      order: what it trains.
      datasets: addresses of what it reads.
      accelerator: that it runs on.
      folder: keeps what is pushed and fetched, and how far it got.
      patience: the pace of waits.
      tell: takes the lines of its log.
    """

    client: Client
    slug: str
    order: Order
    datasets: Sequence[str]
    accelerator: Accelerator
    folder: Path
    patience: Patience
    tell: Callable[[str], None]

    @property
    def ref(self) -> str:
        """The kernel's address."""
        return f"{self.client.owner}/{self.slug}"

    @property
    def output(self) -> Path:
        """The folder that its output is fetched to."""
        return self.folder / "output"

    def earlier(self) -> "KernelSession | None":
        """Return the session of another order that this kernel was given and that nobody took in.

        It may still be at work, and what it has saved is not to be trained again.
        """
        found = kernel_runs.newest(self.client, self.ref)
        order = Order.of_script(found[1]) if found else None
        if found is None or order is None or order.text == self.order.text:
            return None
        other = replace(self, order=order)
        return None if found[0] <= max(other.spent, other.taken) else other

    @property
    def _journal(self) -> Journal:
        return Journal(self.folder / NAME, {"kernel": self.ref, "order": self.order.digest})

    @property
    def spent(self) -> int:
        """The newest version that the order needs no more; 0: none."""
        return (self._journal.get("spent") or {"version": 0})["version"]

    @property
    def taken(self) -> int:
        """The newest version whose output is here, all of it; 0: none."""
        return (self._journal.get("taken") or {"version": 0})["version"]

    def note_taken(self) -> None:
        """Note that all that was ordered is here; the same order would fetch it once more."""
        self._journal.note("taken", **(self._journal.get("pushed") or {"version": 0}))

    def run(self) -> Report:
        """Have the order carried out, once, and its output here.

        Raises:
          FailedError: it left nothing that can be taken in.
          UserError: whatever else is in the way; the same command goes on from there.
        """
        version = self._pushed()
        self._follow(version)
        try:
            return self._fetch(version)
        except FailedError:
            self.forget(version)
            raise

    def forget(self, version: int | None = None) -> None:
        """Have the order carried out anew the next time: this run left nothing to go on from."""
        journal = self._journal
        pushed = journal.get("pushed")
        journal.note("spent", version=version or (pushed["version"] if pushed else 0))
        journal.forget("pushed")
        shutil.rmtree(self.output, ignore_errors=True)

    def _pushed(self) -> int:
        """Push the kernel, unless a run of this order is there already; return its version."""
        journal = self._journal
        pushed = journal.get("pushed")
        if pushed is not None:
            return pushed["version"]
        # A kill, or an answer that got lost, may have come between the push and its note.
        version = self._there()
        if version is not None:
            self.tell(f"kernel {self.ref}: version {version} is of the same order already")
        else:
            if kernel_runs.is_private(self.client, self.ref) is False:
                raise UserError(
                    f"kernel {self.ref}: there is one already, and Kaggle does not call it "
                    f"private; make it private at https://www.kaggle.com/code/{self.ref}"
                )
            described = kernel_runs.metadata(
                self.ref, self.datasets, self.accelerator.shape, internet=True
            )
            version = kernel_runs.push(
                self.client,
                described,
                self.order.script,
                self.folder / "kernel",
                self.patience,
                self._there,
            )
            self.tell(f"kernel {self.ref}: version {version} pushed, every source accepted")
        journal.note("pushed", version=version, time=ledger.now())
        # What an earlier version left is not this one's.
        shutil.rmtree(self.output, ignore_errors=True)
        return version

    def _there(self) -> int | None:
        """Find the newest version, where it is of this order and came after the one that is spent.

        Of the text the order alone counts: it holds digests of all the rest.
        """
        found = kernel_runs.newest(self.client, self.ref)
        same = found is not None and self.order.line in found[1] and found[0] > self.spent
        return found[0] if found and same else None

    def _follow(self, version: int) -> None:
        """Pass on the run's log as it is written, until the run has ended."""
        said = Lines(self.tell)

        def look() -> tuple[str, str | None]:
            state = kernel_runs.status(self.client, self.ref, version)
            if state in kernel_runs.WAITING:
                return state, None
            # A stream that breaks off begins anew at the log's beginning.
            with contextlib.suppress(OSError, ValueError), limited(_SILENCE):
                said.begin()
                for text in kernel_runs.log_events(self.client, self.ref, version):
                    said.take(text)
            state = kernel_runs.status(self.client, self.ref, version)
            return state, None if state in kernel_runs.UNDER_WAY else state

        wait(f"kernel {self.ref} version {version}", look, self.patience)
        said.end()

    def _fetch(self, version: int) -> Report:
        """Fetch what the run left, each file held to the report's digest."""
        name = f"kernel {self.ref} version {version}"
        fetched = kernel_output.fetch_files(self.client, self.ref, version, (REPORT,), self.output)
        if not fetched:
            log = (self.output / kernel_output.LOG).read_text(encoding="utf-8").splitlines()
            raise FailedError(
                f"{name}: left no {REPORT}; log in {self.output}, its end: "
                f"{kernel_output.tail(log)}"
            )
        path = self.output / REPORT
        try:
            report = _REPORT.validate_python(read_json(path))
        except ValidationError as error:
            raise FailedError(f"{path}: not a kernel's report: {error.errors()[0]}") from None
        if report.order != self.order.digest:
            raise FailedError(
                f"{name}: trained by another order, expected {self.order.digest}, found "
                f"{report.order}"
            )
        for one in (one for one in (REMOTE, CHECKPOINTS) if one in report.files):
            self._fetch_large(version, one, report.files[one].sha256)
        return report

    def _fetch_large(self, version: int, name: str, expected: str) -> None:
        path = self.output / name
        if path.is_file() and sha256(path) == expected:
            return
        there = kernel_output.fetch_files(self.client, self.ref, version, (name,), self.output)
        found = sha256(path) if there else "no such file"
        if found != expected:
            # What is there of it would be gone on from.
            path.unlink(missing_ok=True)
            raise UserError(
                f"kernel {self.ref} version {version}: {name}: expected sha256 {expected}, found "
                f"{found}; run the same command again: it is fetched anew"
            )


class Lines:
    """A log's lines, each told once, however often the log is read from its beginning."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told = self._read = 0
        self._line = ""

    def begin(self) -> None:
        """Read from the beginning on."""
        self._read = 0

    def take(self, text: str) -> None:
        """Tell the lines that this piece of the log completes."""
        new = text[max(self._told - self._read, 0) :]
        self._read += len(text)
        self._told = max(self._told, self._read)
        *whole, self._line = (self._line + new).split("\n")
        for line in whole:
            self._tell(line)

    def end(self) -> None:
        """Tell what has no end of line."""
        if self._line:
            self._tell(self._line)
            self._line = ""
