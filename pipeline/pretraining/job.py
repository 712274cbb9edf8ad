"""One pre-training, as the configuration describes it."""

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline import params, paths
from pipeline.configuration import Configuration, written
from pipeline.graph import code_hash
from pipeline.pretraining.texts import text_files
from pipeline.seeds import stream


@dataclasses.dataclass(frozen=True)
class PretrainJob:
    """One pre-training, with every parameter that decides its numbers.

    Attributes:
      key: of `pretrain`.
      encoder: the name of the base's network.
      options: the section of the configuration.
      clean, compute, session: further sections.
    """

    key: str
    encoder: str
    options: params.Pretrain
    clean: params.Clean
    compute: params.Compute
    session: params.Session

    @property
    def name(self) -> str:
        """As DVC names the stage."""
        return f"pretrain@{self.key}"

    @property
    def model(self) -> str:
        """The model whose backbone is trained on."""
        return self.options.base

    @property
    def train(self) -> params.Train:
        """The options of training."""
        return self.options.train

    @cached_property
    def files(self) -> list[Path]:
        """The files of the texts."""
        return text_files(self.options.essays, self.options.texts)

    @property
    def inputs(self) -> list[Path]:
        """Every file that the numbers depend on."""
        return [*self.files, *paths.backbone(self.model).iterdir()]

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters that decide the numbers, beside files, code and libraries."""
        return {
            "encoder": self.encoder,
            "pretrain": written(self.options),
            "clean": written(self.clean),
            "platform": self.compute.platform,
            "dtype": self.compute.dtype,
        }

    @property
    def code(self) -> dict[str, str]:
        """Hashes of the code that the numbers depend on: of pre-training, and of the network."""
        return {name: code_hash.of(name) for name in ("pretrain", code_hash.network(self.encoder))}

    def seed(self, purpose: str) -> int:
        """Return the seed of one of the run's random streams."""
        return stream(self.train.seed, "pretrain", purpose)


def pretrain_job(configuration: Configuration, key: str) -> PretrainJob:
    """Return a pre-training of the configuration."""
    options = configuration.read(f"pretrain.{key}", params.Pretrain)
    return PretrainJob(
        key=key,
        encoder=configuration.read(f"models.{options.base}.encoder", str),
        options=options,
        clean=configuration.read("clean", params.Clean),
        compute=configuration.read("compute", params.Compute),
        session=configuration.read("session", params.Session),
    )
