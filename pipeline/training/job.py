"""One fold of one model, or its full fit, as the configuration describes it."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from pipeline import params, paths
from pipeline.clean_tables import ELEMENTS_FILE
from pipeline.configuration import Configuration, load_configuration, written
from pipeline.errors import UserError
from pipeline.graph import code_hash
from pipeline.seeds import stream
from pipeline.units import NO_FOLD, Unit


@dataclasses.dataclass(frozen=True)
class Job:
    """One fold or full fit of one model under one seed, with all that decides its numbers.

    Attributes:
      model: a key of `models`.
      encoder: the name of its network.
      unit: the fold whose essays are held out, or none, and the seed.
      labels: the folder of the elements whose labels are trained on.
      train, compute, session: sections of the configuration.
    """

    model: str
    encoder: str
    unit: Unit
    labels: Path
    train: params.Train
    compute: params.Compute
    session: params.Session

    @property
    def name(self) -> str:
        """As DVC names the stage."""
        fold, seed = self.unit
        if self.unit.full:
            return f"fit@{self.model}" if seed is None else f"refit@{self.model}-{seed}"
        if seed is None:
            return f"train@{self.model}-{fold}"
        return f"reseed@{self.model}-{fold}-{seed}"

    @property
    def fold(self) -> int:
        """The one whose essays are held out; NO_FOLD of a full fit."""
        return self.unit.fold

    @property
    def tables(self) -> list[Path]:
        """The elements with the labels to train on; of a fold those with the true ones too."""
        true = [] if self.unit.full else [paths.clean("train") / ELEMENTS_FILE]
        return [self.labels / ELEMENTS_FILE, *true]

    @property
    def inputs(self) -> list[Path]:
        """Every file that the numbers depend on."""
        folders = [paths.tokens(self.model, "train"), paths.backbone(self.model)]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        split = [] if self.unit.full else [paths.FOLDS]
        return [*split, *dict.fromkeys(self.tables), *files]

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters that decide the numbers, beside files, code and libraries."""
        return {
            "encoder": self.encoder,
            **self.unit.settings,
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
        """Return the seed of one of this unit's random streams."""
        seed = self.train.seed if self.unit.seed is None else self.unit.seed
        return stream(seed, self.fold, purpose)


def job_of(configuration: Configuration, model: str, unit: Unit) -> Job:
    """Return one fold or full fit of a model of the configuration."""
    return Job(
        model=model,
        encoder=configuration.read(f"models.{model}.encoder", str),
        unit=unit,
        labels=Path(configuration.read("labels", params.Labels).source),
        train=configuration.read(f"models.{model}.train", params.Train),
        compute=configuration.read("compute", params.Compute),
        session=configuration.read("session", params.Session),
    )


def job_parser(description: str | None, *, full: bool = False) -> argparse.ArgumentParser:
    """Make the parser of a command that names a fold.

    Args:
      description: of the command.
      full: whether a model without a fold means its full fit, and is no mistake.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    without = "without it every essay is trained on" if full else None
    parser.add_argument("--fold", required=not full, type=int, help=without)
    parser.add_argument("--seed", type=int, help="one of seeds in params.yaml; else the model's")
    return parser


def named_job(arguments: argparse.Namespace) -> Job:
    """Return the fold that arguments of `job_parser` name, with its parameters.

    Raises:
      UserError: the fold is no number of one, or is missing and the model has no full fit.
    """
    configuration = load_configuration()
    model = configuration.named("models", arguments.model)
    if arguments.fold is not None:
        if arguments.fold < 0:
            raise UserError(f"--fold: expected a number from 0, found {arguments.fold}")
        return job_of(configuration, model, Unit(arguments.fold, arguments.seed))
    if model not in configuration.whole.full:
        raise UserError(f"--fold: expected one, for {model} is not in full of params.yaml")
    return job_of(configuration, model, Unit(NO_FOLD, arguments.seed))
