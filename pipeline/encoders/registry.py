"""The offer of each encoder's file: its network, and its parameters' places in a checkpoint.

A file is imported only when its encoder is asked for.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flax import linen as nn

from pipeline.encoders.catalogue import check_known
from pipeline.encoders.config import Config, Settings
from pipeline.errors import UserError


@dataclass(frozen=True)
class Tensor:
    """The tensors of one leaf.

    Attributes:
      name: without the family's prefix; `{}` is the number of the layer.
      transposed: whether torch keeps the array's axes in the opposite order, as (out, in).
      layers: the layers that the leaf's leading axis stands for; the one layer of a leaf without
        such an axis; None for a leaf below all layers. Learning rates by layer go by it too.
    """

    name: str
    transposed: bool = False
    layers: range | int | None = None

    @property
    def stacked(self) -> bool:
        """True where the leading axis of the leaf is one of layers."""
        return isinstance(self.layers, range)

    def names(self) -> list[str]:
        """Return the name of each layer's tensor, in the leading axis's order, or the only name."""
        numbers = self.layers if isinstance(self.layers, range) else [self.layers]
        return [self.name.format(number) for number in numbers]


def linear(path: str, name: str, bias: bool = True, layers: int | None = None) -> dict[str, Tensor]:
    """Return the leaves of a dense layer."""
    kernel = {f"{path}/kernel": Tensor(f"{name}.weight", True, layers)}
    return kernel | ({f"{path}/bias": Tensor(f"{name}.bias", False, layers)} if bias else {})


def norm(path: str, name: str, bias: bool = True, layers: int | None = None) -> dict[str, Tensor]:
    """Return the leaves of a layer norm."""
    scale = {f"{path}/scale": Tensor(f"{name}.weight", False, layers)}
    return scale | ({f"{path}/bias": Tensor(f"{name}.bias", False, layers)} if bias else {})


def embedding(path: str, name: str) -> dict[str, Tensor]:
    """Return the leaf of a table of embeddings."""
    return {f"{path}/embedding": Tensor(f"{name}.weight")}


CLASSIFIER: Mapping[str, Tensor] = MappingProxyType(linear("classifier", "classifier"))
"""The linear layer at the end of every token classifier, by its path in the whole tree."""


@dataclass(frozen=True)
class Family:
    """Hugging Face's names for one model type: the prefix of its tensors, its token classifier."""

    prefix: str
    classifier: str


@dataclass(frozen=True)
class Architecture:
    """One encoder and how its checkpoints map to it.

    Attributes:
      configure: fields of a config.json to the encoder's config; its `UserError` begins with the
        field, and `read` puts the file before it.
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

    def read_config(self, fields: Mapping[str, Any], path: Path) -> Config:
        """Make the config of a config.json's fields.

        Args:
          fields: the whole config.
          path: of the file, for messages.

        Raises:
          UserError: a field is missing, out of bounds, or of a variant that is not served.
        """
        try:
            return self.configure(fields)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None


def architecture(encoder: str) -> Architecture:
    """Import an encoder's file and return its architecture.

    Raises:
      UserError: there is no such encoder; it names the nearest.
    """
    # The import takes its name from a parameter, so only names of the catalogue get there.
    check_known(encoder)
    return importlib.import_module(f"pipeline.encoders.{encoder}").ARCHITECTURE
