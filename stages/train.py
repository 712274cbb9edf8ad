"""Train one fold of one model: python -m stages.train --model tiny --fold 0.

Without a fold it is the full fit, on every essay.
"""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import os
import subprocess
import sys
from collections.abc import Sequence

from pipeline import paths
from pipeline.competition.address import COMPETITION
from pipeline.competition.schema import TASK
from pipeline.configuration import load_configuration
from pipeline.files import read_json
from pipeline.progress import say
from pipeline.training.ahead import check_later_stages
from pipeline.training.fold import train_fold
from pipeline.training.job import Job, job_parser, named_job
from stages.running import run_stage

_LONG = 60  # seconds


def main(argv: Sequence[str] | None = None) -> None:
    """Train; say what came of it and where the weights are."""
    job = named_job(job_parser(__doc__, full=True).parse_args(argv))
    check_later_stages(load_configuration().whole, job.model, full=job.unit.full)
    figures, weights = train_fold(job, TASK, COMPETITION), paths.weights(job.model, job.unit)
    if job.unit.full:
        say(f"{job.name}: trained on {figures['essays']:,} essays, {weights}")
    else:
        say(f"{job.name}: log loss {figures['log_loss']:.4f} out of fold, {weights}")
    _tell_what_is_left(job)


def _tell_what_is_left(job: Job) -> None:
    """Say what the run that DVC is at still has to train, once a unit takes long.

    By a process of its own: DVC takes a second to start, and a stage's code is all that it
    imports.
    """
    long = read_json(paths.timing(job.model, job.unit))["seconds"] >= _LONG
    # DVC names the stage that it runs. By hand, or on a machine without DVC, there is no run.
    if long and os.environ.get("DVC_STAGE") == job.name:
        command = [sys.executable, "-m", "commands.graph", "--left", "--without", job.name]
        subprocess.run(command, check=False)


if __name__ == "__main__":
    run_stage("train", main, paths.network)
