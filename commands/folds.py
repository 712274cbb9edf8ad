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

from pipeline.configuration import load_configuration
from pipeline.configured_units import configured_units
from pipeline.errors import exit_with_message
from pipeline.graph.unmade import unmade
from pipeline.progress import say
from pipeline.training.ahead import check_later_stages
from pipeline.training.all_folds import train_folds
from pipeline.training.job import job_of


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing; say what is not."""
    parser = argparse.ArgumentParser(prog="commands.folds", description=__doc__)
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    configuration = load_configuration()
    model = configuration.named("models", parser.parse_args(argv).model)
    jobs = [job_of(configuration, model, unit) for unit in configured_units(configuration)]
    missing = set(unmade(job.name for job in jobs))
    for job in jobs:
        if job.name not in missing:
            say(f"{job.name}: nothing to train")
    if missing:
        # As the stage does: hours lie between.
        check_later_stages(configuration.whole, model)
        train_folds([job for job in jobs if job.name in missing])


if __name__ == "__main__":
    exit_with_message(main)
