"""Train folds on Kaggle's machines: `make train-on-kaggle MODEL=m FOLDS="0 1" ACCELERATOR=gpu`.

Sends code, configuration and inputs as private datasets, unchanged ones not again. Pushes kernels,
follows their logs, and takes in what they trained, so that `dvc repro` here finds it. What was
stopped before its end comes back as checkpoints. The same command goes on, from wherever it was.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from pipeline import paths
from pipeline.arguments import count
from pipeline.configuration import load_configuration
from pipeline.errors import Stopped, UserError, exit_with_message
from pipeline.files import clear_unfinished
from pipeline.graph.unmade import unmade
from pipeline.kaggle.accelerators import ACCELERATORS, Accelerator
from pipeline.kaggle.client import TIMEOUT, connect
from pipeline.kaggle.dry_run import OWNER
from pipeline.kaggle.journal import alone
from pipeline.kaggle.patience import Patience
from pipeline.kaggle.refusals import AGAIN
from pipeline.kaggle.training.onsite import FAILED, TRAINED
from pipeline.kaggle.training.plan import Share, check_machine, jobs_of, shares
from pipeline.kaggle.training.route import Ending, Route
from pipeline.kaggle.training.session import Report
from pipeline.progress import say
from pipeline.training.job import Job

# Hours: sessions of an accelerator may be used up until the next week begins.
_WEEK = 24.0 * 7


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing of the folds asked for."""
    wanted = _parser().parse_args(argv)
    configuration = load_configuration()
    model = configuration.named("models", wanted.model)
    jobs = jobs_of(configuration, model, wanted.folds)
    compute = jobs[0].compute
    accelerator = ACCELERATORS[wanted.accelerator or compute.platform]
    check_machine(compute, accelerator)
    _make_inputs(model)
    try:
        with alone(paths.KAGGLE_TRAINING, "training on Kaggle"):
            clear_unfinished(paths.KAGGLE_TRAINING)
            while left := _missing(jobs):
                one_by_one = wanted.one_by_one
                divided = shares(left, accelerator, wanted.kernels, one_by_one=one_by_one)
                if not _collected_only(wanted, accelerator, divided):
                    break
    except KeyboardInterrupt:
        raise Stopped(f"what runs on Kaggle runs on; {AGAIN}") from None


def _missing(jobs: Sequence[Job]) -> list[Job]:
    missing = set(unmade(job.name for job in jobs))
    for job in jobs:
        if job.name not in missing:
            say(f"{job.name}: nothing to train")
    return [job for job in jobs if job.name in missing]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="commands.train_on_kaggle",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", required=True, help="a key of models in params.yaml")
    add("--folds", type=str.split, default=[], help="numbers, or full, in one word; none: all")
    add("--accelerator", choices=ACCELERATORS, help="of the kernels; else compute.platform")
    add("--kernels", type=count, help="how many at once; else as many as Kaggle's sessions allow")
    add("--one-by-one", action="store_true", help="each fold over all devices, one after another")
    add("--hours", type=_hours, help="of a session, after which training saves and ends")
    add("--dry-run", action="store_true", help="show all that would be sent; needs no account")
    add("--poll", type=float, default=15.0, help="seconds between two looks at Kaggle")
    add("--timeout", type=float, default=TIMEOUT, help="seconds of Kaggle's silence to bear")
    return parser


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0.0 < hours < 1000.0:
        raise argparse.ArgumentTypeError(f"expected hours above 0, found {text!r}")
    return hours


def _make_inputs(model: str) -> None:
    """Bring the stages before `train` up to date."""
    command = [sys.executable, "-m", "commands.inputs", "--model", model]
    if status := subprocess.run(command, check=False).returncode:
        raise SystemExit(status)


def _collected_only(
    wanted: argparse.Namespace, accelerator: Accelerator, divided: Sequence[Share]
) -> bool:
    """Train; True where it was only taken in what kernels had been told before this."""
    if wanted.dry_run:
        _show(Route(OWNER, accelerator, divided, wanted.hours))
        return False
    client = connect(min(1.0, wanted.poll), wanted.timeout)
    route = Route(client.owner, accelerator, divided, wanted.hours)
    sent, patience = route.pack(), Patience(wanted.poll, _WEEK, 0.0)
    if route.collect(client, sent, patience):
        return True
    _conclude(route.jobs, route.run(client, sent, patience))
    return False


def _show(route: Route) -> None:
    for pack in route.pack():
        size = pack.path.stat().st_size / 1e6
        say(f"dataset {OWNER}/{pack.slug}: {pack.path}, {size:,.1f} MB, sha256 {pack.digest}")
    for share in route.shares:
        names = ", ".join(job.name for job in share.jobs)
        shape = route.accelerator.shape or "no accelerator"
        how = "at once, one a device" if share.at_once else "one after another"
        say(f"kernel {OWNER}/{route.slug(share)}: {shape}, internet, {names}, {how}")
    say(f"each stops after {route.minutes:g} minutes; nothing was sent")


def _conclude(jobs: Sequence[Job], endings: Sequence[Ending]) -> None:
    """Say what came of every fold.

    Raises:
      UserError: one failed.
      Stopped: all is well so far, and there is more to train.
    """
    states: dict[str, str] = {}
    said: dict[str, str] = {}
    for ending in endings:
        if isinstance(ending, Report):
            states |= ending.stages
            said |= ending.said
    for job in jobs:
        line = said.get(job.name, "")
        if job.name in states:
            say(f"{job.name}: {states[job.name]}{f' ({line})' if line else ''}")
    faults = [ending for ending in endings if isinstance(ending, BaseException)]
    for fault in sorted(faults, key=lambda fault: isinstance(fault, UserError)):
        raise fault
    if failed := [name for name, state in states.items() if state == FAILED]:
        raise UserError(f"{', '.join(failed)}: failed on Kaggle; the lines above say why")
    if any(state != TRAINED for state in states.values()):
        raise Stopped(f"what was saved is here; {AGAIN}")
    say("all of it is in DVC's cache: make submission goes on from there")


if __name__ == "__main__":
    exit_with_message(main)
