"""From folds that are missing to folds in DVC's cache, by kernels that run at once."""

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import paths
from pipeline.configuration import read_text
from pipeline.errors import UserError
from pipeline.kaggle.accelerators import Accelerator
from pipeline.kaggle.client import Client
from pipeline.kaggle.patience import Patience
from pipeline.kaggle.refusals import FailedError
from pipeline.kaggle.training import intake, packs
from pipeline.kaggle.training.onsite import CHECKPOINTS, REMOTE, TRAINED
from pipeline.kaggle.training.order import Order
from pipeline.kaggle.training.packs import Pack
from pipeline.kaggle.training.plan import Share
from pipeline.kaggle.training.saved import saved_runs
from pipeline.kaggle.training.sending import send
from pipeline.kaggle.training.session import KernelSession, Report
from pipeline.platforms import BUILDS
from pipeline.progress import say, view
from pipeline.settings import with_settings
from pipeline.training import abandoned
from pipeline.training.job import Job

_PARAMETERS = Path("params.yaml")
_MARGIN = 30.0  # minutes of a session that are left for saving, packing and Kaggle's own copying
_SENT = "datasets.json"
Ending = Report | BaseException


@dataclass(frozen=True)
class Route:
    """Kernels of one model.

    Attributes:
      owner: the account.
      accelerator: of every kernel.
      shares: what each trains.
      hours: of a session, after which training saves and ends; None: shortly before its limit.
    """

    owner: str
    accelerator: Accelerator
    shares: Sequence[Share]
    hours: float | None

    @property
    def jobs(self) -> list[Job]:
        """Every fold."""
        return [job for share in self.shares for job in share.jobs]

    @property
    def minutes(self) -> float:
        """The time after which training saves and ends, the configuration's own limit kept."""
        limit = 60 * self.hours if self.hours else 60 * self.accelerator.hours - _MARGIN
        return min(limit, self.jobs[0].session.stop_after_minutes or limit)

    def pack(self) -> list[Pack]:
        """Archive what the kernels read."""
        jobs, model, root = self.jobs, self.jobs[0].model, paths.KAGGLE_TRAINING / "packs"
        limited = {"session.stop_after_minutes": self.minutes}
        text = with_settings(read_text(_PARAMETERS), limited, _PARAMETERS).text
        # A fold holds the rows of the test's predictions to its windows before it trains.
        test = paths.tokens(model, "test")
        inputs = packs.input_files([job.name for job in jobs], [test])
        # Hashes of code change with it, and are small.
        code = {name: path for name, path in inputs.items() if path.is_relative_to(paths.CODE)}
        others = {name: path for name, path in inputs.items() if name not in code}
        made = [
            packs.make("project", self.owner, "", packs.project_files(text) | code, root),
            packs.make("inputs", self.owner, model, others, root),
        ]
        if saved := packs.checkpoint_files(saved_runs(jobs)):
            made.append(packs.make("checkpoints", self.owner, model, saved, root))
        return made

    def slug(self, share: Share) -> str:
        """Name the kernel of a share."""
        units = "-".join(f"{job.unit}" for job in share.jobs)
        return packs.slug("train", share.jobs[0].model, units)

    def collect(self, client: Client, sent: Sequence[Pack], patience: Patience) -> bool:
        """Take in what these kernels were told before this: by other code, parameters or options.

        Returns:
          Whether there was anything; what is missing is another question then.

        Raises:
          UserError: something is in the way.
        """
        sessions = self._sessions(client, sent, patience)
        earlier = [one for session in sessions if (one := session.earlier())]
        for session in earlier:
            session.tell(f"kernel {session.ref}: its last order was another one, and comes first")
        for ending in self._at_once(earlier, wanted=False):
            if isinstance(ending, FailedError):
                say(str(ending))
            elif isinstance(ending, BaseException):
                raise ending
        return bool(earlier)

    def run(self, client: Client, sent: Sequence[Pack], patience: Patience) -> list[Ending]:
        """Send the packs, run the kernels, and take in what each left as soon as it is there.

        Returns:
          What each reported, or what stood in its way.

        Raises:
          UserError: the packs can't be sent.
        """
        send(client, sent, paths.KAGGLE_TRAINING / _SENT, patience)
        # They may be large, and are made anew to be compared.
        for pack in sent:
            pack.path.unlink()
        return self._at_once(list(self._sessions(client, sent, patience)), wanted=True)

    def _at_once(self, sessions: Sequence[KernelSession], *, wanted: bool) -> list[Ending]:
        taking = threading.Lock()
        endings: queue.SimpleQueue[Ending] = queue.SimpleQueue()

        def run(session: KernelSession) -> None:
            try:
                report = session.run()
                # DVC and a bar on a terminal are for one at a time.
                with taking:
                    self._take_in(session, report, wanted=wanted)
                endings.put(report)
            except BaseException as error:
                endings.put(error)

        with view():
            # They end with this process, and what runs on Kaggle runs on.
            for session in sessions:
                threading.Thread(target=run, args=(session,), daemon=True).start()
            return [endings.get() for _ in sessions]

    def _sessions(
        self, client: Client, sent: Sequence[Pack], patience: Patience
    ) -> Iterator[KernelSession]:
        for share in self.shares:
            own = self.slug(share)
            lead = f"{own}: " if len(self.shares) > 1 else ""
            yield KernelSession(
                client=client,
                slug=own,
                order=self._order(share, sent),
                datasets=[f"{self.owner}/{pack.slug}" for pack in sent],
                accelerator=self.accelerator,
                folder=paths.KAGGLE_TRAINING / own,
                patience=patience,
                tell=lambda line, lead=lead: say(f"{lead}{line}"),
            )

    def _order(self, share: Share, sent: Sequence[Pack]) -> Order:
        return Order(
            model=share.jobs[0].model,
            stages=[job.name for job in share.jobs],
            at_once=share.at_once,
            platform=self.accelerator.name,
            build=BUILDS[self.accelerator.name],
            devices=self.accelerator.devices,
            minutes=self.minutes,
            packs={pack.name: pack.ordered for pack in sent},
        )

    def _take_in(self, session: KernelSession, report: Report, *, wanted: bool) -> None:
        """Take in trained folds and checkpoints, and remove what is of no use any more.

        Args:
          session: that reports.
          report: of its run.
          wanted: whether it was of the present order; of another one folds may not fit any more.

        Raises:
          UserError: trained folds don't fit what is here by now.
        """
        trained = [stage for stage, state in report.stages.items() if state == TRAINED]
        strange = intake.take_folds(session.output / REMOTE, trained) if trained else []
        for run in saved_runs(job for job in self.jobs if job.name in {*trained} - {*strange}):
            abandoned.remove(run)
        if CHECKPOINTS in report.files:
            for run in intake.take_checkpoints(session.output / CHECKPOINTS):
                session.tell(f"{paths.checkpoints() / run}: taken in")
        # What was stopped or failed is to run again, where nothing came back too.
        if len(trained) < len(report.stages) or not wanted:
            session.forget()
        else:
            session.note_taken()
        for name in (REMOTE, CHECKPOINTS):
            (session.output / name).unlink(missing_ok=True)
        if strange:
            told = (
                f"{', '.join(strange)}: came back trained, but params.yaml, the code or the data "
                "here have changed since they were sent"
            )
            if wanted:
                raise UserError(f"{told}; make that undone, or train them anew")
            session.tell(told)
