"""The encoders that there are, each imported only when it is asked for."""

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flax import linen as nn

from pipeline.encoders.config import Config, Settings
from pipeline.encoders.names import Tensor, linear
from pipeline.errors import UserError

ENCODERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bert": ("bert", "roberta", "camembert", "xlm-roberta", "electra"),
        "deberta": ("deberta-v2",),
        "deberta_v1": ("deberta",),
        "modernbert": ("modernbert",),
    }
)
"""A file of this folder to the model types that it serves."""


CLASSIFIER: Mapping[str, Tensor] = MappingProxyType(linear("classifier", "classifier"))
"""The linear layer at the end of every token classifier, by its path in the whole tree."""


@dataclass(frozen=True)
class Family:
    """How Hugging Face calls one model type: the prefix of its tensors, its token classifier."""

    prefix: str
    classifier: str


@dataclass(frozen=True)
class Architecture:
    """One encoder and how its checkpoints map to it.

    Attributes:
      configure: a config.json to the encoder's config; raises `UserError` for what it lacks.
      encoder: the Linen module, called with (ids, segment, position, keys).
      families: by model type.
      tensors: every parameter of a config's encoder, by its path in the encoder's tree.
      droppable: patterns of names, without prefix, that a backbone may bring in vain.
      head: the module between encoder and classifier, where an architecture has one.
      head_tensors: its parameters by their paths under "head"; their names bear no prefix.
      drawn: parameters that are drawn from the seed, whether a checkpoint has them or not.
    """

    configure: Callable[[Mapping[str, Any]], Config]
    encoder: Callable[[Any, Settings], nn.Module]
    families: Mapping[str, Family]
    tensors: Callable[[Any], Mapping[str, Tensor]]
    droppable: tuple[str, ...]
    head: Callable[[Any, Settings], nn.Module] | None = None
    head_tensors: Callable[[Any], Mapping[str, Tensor]] = lambda config: {}
    drawn: tuple[str, ...] = tuple(CLASSIFIER)


def architecture(encoder: str) -> Architecture:
    """Import an encoder's file and return what it offers.

    Raises:
      UserError: there is no such encoder; it names the nearest.
    """
    if encoder not in ENCODERS:
        nearest = difflib.get_close_matches(encoder, ENCODERS, n=1, cutoff=0.0)[0]
        raise UserError(f"encoder: no {encoder!r}; the nearest is {nearest!r}")
    return importlib.import_module(f"pipeline.encoders.{encoder}").ARCHITECTURE


def source_file(encoder: str) -> Path:
    """The encoder's own file, whose hash a backbone carries."""
    return Path(__file__).parent / f"{encoder}.py"


def serving(model_type: object) -> str | None:
    """The encoder that serves a model type, if one does."""
    return next((name for name, types in ENCODERS.items() if model_type in types), None)


def check_served(encoder: str, model_type: object, where: Path) -> None:
    """Hold a checkpoint's model type against the encoder that a board asks for.

    Raises:
      UserError: the encoder does not serve it; it names the one that does.
    """
    if model_type in ENCODERS.get(encoder, ()):
        return
    right = serving(model_type)
    served = ", ".join(sorted(t for types in ENCODERS.values() for t in types))
    advice = f"encoder {right!r} does" if right else f"none does; there are: {served}"
    raise UserError(
        f"{where}: encoder {encoder!r} does not serve model_type {model_type!r}; {advice}"
    )
