"""The pre-trainings that a model's backbone comes from."""

from collections.abc import Iterator
from pathlib import Path

from pipeline import params, paths
from pipeline.configuration import Configuration


def bases(configuration: Configuration, model: str) -> Iterator[str]:
    """Yield the keys of `pretrain` that lead to a model's backbone, the nearest first."""
    while True:
        source = configuration.read(f"models.{model}.backbone", params.Backbone).source
        if Path(source).parent != paths.PRETRAINED:
            return
        key = Path(source).name
        yield key
        model = configuration.read(f"pretrain.{key}", params.Pretrain).base


def root(configuration: Configuration, model: str) -> str:
    """Name the model whose own checkpoint a backbone comes from: itself, without pre-training."""
    for key in bases(configuration, model):
        model = configuration.read(f"pretrain.{key}", params.Pretrain).base
    return model
