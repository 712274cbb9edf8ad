"""Train one fold of one model: python -m stages.train --model tiny --fold 0."""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import Configuration, load_configuration
from pipeline.errors import exit_with_message
from pipeline.progress import say
from pipeline.training.fold import train_fold
from pipeline.training.setting import Job


def main(argv: Sequence[str] | None = None) -> None:
    """Train the fold; say its log loss and where its weights are."""
    job = read_job(__doc__, argv)
    loss = train_fold(job)
    say(f"{job.name}: log loss {loss:.4f} out of fold, {paths.weights(job.model, job.fold)}")


def read_job(description: str | None, argv: Sequence[str] | None) -> Job:
    """Read the fold that the arguments name, with its parameters."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    parser.add_argument("--fold", required=True, type=int)
    arguments = parser.parse_args(argv)
    configuration = load_configuration()
    return job_of(configuration, configuration.named("models", arguments.model), arguments.fold)


def job_of(configuration: Configuration, model: str, fold: int) -> Job:
    """Return one fold of a model of the configuration."""
    return Job(
        model=model,
        encoder=configuration.read(f"models.{model}.encoder", str),
        fold=fold,
        train=configuration.read(f"models.{model}.train", params.Train),
        compute=configuration.read("compute", params.Compute),
        session=configuration.read("session", params.Session),
    )


if __name__ == "__main__":
    exit_with_message(main)
