"""List the checkpoints of runs that were interrupted: python -m commands.checkpoints --remove.

A run that was given up leaves its own behind: after a change of a parameter, an input or the code
of training, none goes on from them.
"""

import argparse
from collections.abc import Sequence

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.configured_units import trained_units
from pipeline.durations import span
from pipeline.errors import exit_with_message
from pipeline.pretraining.job import pretrain_job
from pipeline.progress import say
from pipeline.room import size
from pipeline.training.abandoned import RunFolder, find, remove
from pipeline.training.job import job_of


def main(argv: Sequence[str] | None = None) -> None:
    """List each run's checkpoints with their use; with --remove, remove the abandoned ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--remove", action="store_true", help="remove those that are abandoned")
    wanted = parser.parse_args(argv)
    root, configuration = paths.checkpoints(), load_configuration()
    jobs = [
        job_of(configuration, model, unit)
        for model in configuration.read("models", dict)
        for unit in trained_units(configuration, model)
    ]
    others = [pretrain_job(configuration, key) for key in configuration.read("pretrain", dict)]
    found = find(root, {job.name: job.settings for job in (*jobs, *others)})
    if not found:
        say(f"{root}: no checkpoints")
        return
    for run in found:
        state = f"abandoned: {run.reason}" if run.reason else "its run goes on from it"
        measures = f"{size(run.size)}, {span(run.age)} old"
        say(f"{run.folder}: {run.stage}, {measures}, {run.in_use or state}")
    abandoned = [run for run in found if run.is_abandoned]
    freed = sum(run.size for run in abandoned)
    how = ": make checkpoints OPTIONS=--remove" if abandoned and not wanted.remove else ""
    total = sum(run.size for run in found)
    say(f"{size(total)} in {len(found)} folder(s), {size(freed)} of it abandoned{how}")
    if wanted.remove:
        _remove(abandoned)


def _remove(abandoned: Sequence[RunFolder]) -> None:
    gone = [run for run in abandoned if remove(run.folder)]
    for run in gone:
        say(f"removed {run.folder}")
    if gone:
        say(f"{size(sum(run.size for run in gone))} freed")


if __name__ == "__main__":
    exit_with_message(main)
