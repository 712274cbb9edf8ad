"""From the graph's result to a score on Kaggle: `make submit`.

Bundles, uploads, runs the kernel, checks its output, submits it and waits for the score. Run
again after an interruption it goes on where it stopped, and never submits the same thing twice
unless `--again` asks for it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline import paths
from pipeline.bundle import kernel
from pipeline.competition.address import COMPETITION
from pipeline.errors import Stopped, UserError, exit_with_message
from pipeline.files import clear_unfinished, read_json, sha256
from pipeline.graph.locked_outputs import check_outputs
from pipeline.kaggle import dry_run, target
from pipeline.kaggle.client import TIMEOUT, Client, connect
from pipeline.kaggle.csv_route import CsvRoute, source_here
from pipeline.kaggle.journal import NAME, Journal, alone
from pipeline.kaggle.once import begin, conclude
from pipeline.kaggle.parcel import identity, read_bundle
from pipeline.kaggle.patience import Patience
from pipeline.kaggle.refusals import AGAIN
from pipeline.kaggle.route import Route
from pipeline.kaggle.submissions import Submissions
from pipeline.kaggle.target import Target
from pipeline.kaggle.twice import Guard
from pipeline.progress import say
from pipeline.tables.submission import check_submission, read_order

SCRIPT = Path(kernel.__file__)


def main(argv: Sequence[str] | None = None) -> None:
    """Submit, or say what would be sent."""
    wanted = _parser().parse_args(argv)
    _refuse_partial()
    try:
        with alone(paths.SUBMIT, "submission"):
            # A step that is not taken again doesn't clear what a kill in it left.
            clear_unfinished(paths.SUBMIT)
            _submit_file(wanted) if wanted.csv else _submit_bundle(wanted)
    except KeyboardInterrupt:
        raise Stopped(AGAIN) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="commands.submit",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--dry-run", action="store_true", help="show all that would be sent; needs no account")
    add("--again", action="store_true", help="submit once more what was submitted already")
    add("--anyway", action="store_true", help="submit what would not end within nine hours too")
    add("--csv", action="store_true", help="send submission.csv, where a competition takes files")
    add("--competition", default=COMPETITION, help="its name in Kaggle's addresses")
    add("--dataset", default=target.DATASET, help="the private dataset to make or to renew")
    add("--kernel", default=target.KERNEL, help="the private kernel to make or to renew")
    add("--accelerator", choices=target.ACCELERATORS, default="none", help="of the kernel")
    add("--docker-image", help="of the kernel, by its digest; without it Kaggle's newest")
    add("--dtype", help="of the bundle's weights, as commands.bundle has it")
    add("--without-external", action="store_true", help="bundle without members from CSV files")
    add("--bundle", type=Path, help="send this bundle as it is, and make none")
    add("--poll", type=float, default=15.0, help="seconds between two looks at Kaggle")
    add("--hours", type=float, default=12.0, help="the longest wait for one step")
    add("--lag", type=float, default=120.0, help="seconds that Kaggle's lists may be late")
    add("--timeout", type=float, default=TIMEOUT, help="seconds of Kaggle's silence to bear")
    return parser


def _submit_bundle(wanted: argparse.Namespace) -> None:
    bundle = read_bundle(wanted.bundle or _make_bundle(wanted))
    script = SCRIPT.read_text(encoding="utf-8")
    if wanted.dry_run:
        for line in dry_run.lines(_target(wanted, dry_run.OWNER), bundle, script):
            say(line)
        return
    order = read_order()
    client = _connect(wanted)
    where = _target(wanted, client.owner)
    sent = identity(bundle, script, where)
    names = {key: value for key, value in vars(where).items() if value is not None}
    journal = _journal(wanted, {"sent": sent, **names})
    guard = _guard(wanted, client, journal, sent, bundle.manifest["parameters"])
    done = Route(guard, where, bundle, script, order, paths.SUBMIT, wanted.anyway).run()
    conclude(done, journal, paths.LEDGER)


def _submit_file(wanted: argparse.Namespace) -> None:
    path, source = paths.SUBMISSION, source_here()
    if not path.is_file():
        raise UserError(f"{path}: not found; run make submission")
    check_outputs([path, paths.metrics("ensemble")])
    digest = sha256(path)
    if wanted.dry_run:
        size = path.stat().st_size
        for line in dry_run.file_lines(wanted.competition, str(path), size, source, digest):
            say(line)
        return
    check_submission(path, read_order())
    client = _connect(wanted)
    what = {"file": digest, "competition": wanted.competition, "owner": client.owner}
    journal = _journal(wanted, what)
    guard = _guard(wanted, client, journal, digest, source.parameters)
    conclude(CsvRoute(guard, path, digest, source).run(), journal, paths.LEDGER)


def _make_bundle(wanted: argparse.Namespace) -> Path:
    options = ["--dtype", wanted.dtype] if wanted.dtype else []
    options += ["--without-external"] if wanted.without_external else []
    from commands import bundle  # brings JAX

    bundle.main(options)
    return paths.bundle()


def _target(wanted: argparse.Namespace, owner: str) -> Target:
    where = wanted.competition, owner, wanted.dataset, wanted.kernel
    return Target(*where, wanted.accelerator, wanted.docker_image)


def _connect(wanted: argparse.Namespace) -> Client:
    return connect(pause=min(1.0, wanted.poll), timeout=wanted.timeout)


def _journal(wanted: argparse.Namespace, what: dict[str, str]) -> Journal:
    journal = Journal(paths.SUBMIT / NAME, what)
    begin(journal, wanted.again)
    return journal


def _guard(
    wanted: argparse.Namespace, client: Client, journal: Journal, sent: str, parameters: str
) -> Guard:
    patience = Patience(wanted.poll, wanted.hours, wanted.lag)
    submissions = Submissions(client, wanted.competition, patience)
    return Guard(journal, submissions, paths.LEDGER, sent, parameters)


def _refuse_partial() -> None:
    path = paths.metrics("ensemble")
    if not path.is_file():
        raise UserError(f"{path}: not found; run make submission")
    if read_json(path).get("partial") is not False:
        raise UserError(
            f"{path}: partial, not over every fold, and so not to be submitted; put every fold "
            "of the split into folds of params.yaml and run make submission"
        )


if __name__ == "__main__":
    exit_with_message(main)
