"""Train all folds of a model at once, one a device: `make folds MODEL=m`.

Trains those that `dvc repro` would have to train. Each ends in the checkpoints of its own stage,
so that `dvc repro` finds nothing left to train, predicts and publishes. Run again after an
interruption it goes on where it stopped.
"""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import argparse
from collections.abc import Sequence

from pipeline.configuration import Configuration, load_configuration
from pipeline.configured_units import configured_units, trained_units
from pipeline.errors import UserError, exit_with_message
from pipeline.graph.unmade import unmade
from pipeline.progress import say
from pipeline.training.ahead import check_later_stages
from pipeline.training.all_folds import train_folds
from pipeline.training.job import Job, job_of


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing; say what is not."""
    parser = argparse.ArgumentParser(prog="commands.folds", description=__doc__)
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    parser.add_argument("--only", nargs="+", help="stages, as DVC names them; else every fold")
    wanted = parser.parse_args(argv)
    configuration = load_configuration()
    model = configuration.named("models", wanted.model)
    jobs = _jobs(configuration, model, wanted.only)
    missing = set(unmade(job.name for job in jobs))
    for job in jobs:
        if job.name not in missing:
            say(f"{job.name}: nothing to train")
    if missing:
        # As the stage does: hours lie between.
        check_later_stages(configuration.whole, model)
        train_folds([job for job in jobs if job.name in missing])


def _jobs(configuration: Configuration, model: str, only: Sequence[str] | None) -> list[Job]:
    """List every fold, or else those stages that are named, full fits among them.

    Raises:
      UserError: a stage isn't one that trains this model.
    """
    if only is None:
        return [job_of(configuration, model, unit) for unit in configured_units(configuration)]
    units = trained_units(configuration, model)
    by_name = {job.name: job for unit in units for job in [job_of(configuration, model, unit)]}
    if unknown := [name for name in only if name not in by_name]:
        raise UserError(f"--only: {unknown[0]}: expected of {' '.join(by_name)}")
    return [by_name[name] for name in only]


if __name__ == "__main__":
    exit_with_message(main)
