"""Train one fold of one model: python -m stages.train --model tiny --fold 0.

Without a fold it is the full fit, on every essay.
"""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

from collections.abc import Sequence

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.progress import say
from pipeline.training.ahead import check_later_stages
from pipeline.training.fold import train_fold
from pipeline.training.job import read_job
from stages.running import run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Train; say what came of it and where the weights are."""
    job = read_job(__doc__, argv, full=True)
    check_later_stages(load_configuration().whole, job.model, full=job.unit.full)
    figures, weights = train_fold(job), paths.weights(job.model, job.unit)
    if job.unit.full:
        say(f"{job.name}: trained on {figures['essays']:,} essays, {weights}")
    else:
        say(f"{job.name}: log loss {figures['log_loss']:.4f} out of fold, {weights}")


if __name__ == "__main__":
    run_stage("train", main, paths.network)
