"""One fold of one model, as the configuration describes it."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import params, paths
from pipeline.clean_tables import ELEMENTS_FILE
from pipeline.configuration import Configuration, load_configuration, written
from pipeline.graph import code_hash
from pipeline.seeds import stream


@dataclasses.dataclass(frozen=True)
class Job:
    """One fold of one model, with every parameter that decides its numbers.

    Attributes:
      model: a key of `models`.
      encoder: the name of its network.
      fold: the one whose essays are held out.
      labels: the folder of the elements whose labels are trained on.
      train, compute, session: sections of the configuration.
    """

    model: str
    encoder: str
    fold: int
    labels: Path
    train: params.Train
    compute: params.Compute
    session: params.Session

    @property
    def name(self) -> str:
        """As DVC names the stage."""
        return f"train@{self.model}-{self.fold}"

    @property
    def tables(self) -> list[Path]:
        """The elements with the labels to train on, and those with the true ones."""
        return [self.labels / ELEMENTS_FILE, paths.clean("train") / ELEMENTS_FILE]

    @property
    def inputs(self) -> list[Path]:
        """Every file that the numbers depend on."""
        folders = [paths.tokens(self.model, "train"), paths.backbone(self.model)]
        files = [path for folder in folders for path in folder.iterdir()]
        return [paths.FOLDS, *dict.fromkeys(self.tables), *files]

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters that decide the numbers, beside files, code and libraries."""
        return {
            "encoder": self.encoder,
            "fold": self.fold,
            "labels": self.labels.as_posix(),
            "train": written(self.train),
            "platform": self.compute.platform,
            "dtype": self.compute.dtype,
        }

    @property
    def code(self) -> dict[str, str]:
        """Hashes of the code that the numbers depend on: that of training, that of the network."""
        return {name: code_hash.of(name) for name in ("train", code_hash.network(self.encoder))}

    def seed(self, purpose: str) -> int:
        """Return the seed of one of this fold's random streams."""
        return stream(self.train.seed, self.fold, purpose)


def job_of(configuration: Configuration, model: str, fold: int) -> Job:
    """Return one fold of a model of the configuration."""
    return Job(
        model=model,
        encoder=configuration.read(f"models.{model}.encoder", str),
        fold=fold,
        labels=Path(configuration.read("labels", params.Labels).source),
        train=configuration.read(f"models.{model}.train", params.Train),
        compute=configuration.read("compute", params.Compute),
        session=configuration.read("session", params.Session),
    )


def read_job(description: str | None, argv: Sequence[str] | None) -> Job:
    """Return the fold that the arguments of a command name, with its parameters."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    parser.add_argument("--fold", required=True, type=int)
    arguments = parser.parse_args(argv)
    configuration = load_configuration()
    return job_of(configuration, configuration.named("models", arguments.model), arguments.fold)
