"""A stack of layers: unrolled where they differ, one block scanned where they repeat."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, Int

from pipeline.encoders.config import Config, Settings
from pipeline.encoders.registry import Tensor

Kind = Mapping[str, Any]
"""The arguments of a layer's module beside config and settings; equal kinds can be scanned."""


class Repetition(NamedTuple):
    """A way to compile a stack: `prefix` layers alone, then a block of `period` over and over."""

    prefix: int
    period: int


def find_repetition(kinds: Sequence[Kind]) -> Repetition:
    """Return the way that compiles the fewest layers; without repetition all is prefix."""
    depth = len(kinds)

    def prefix(period: int) -> int:
        start = depth - period
        while start > 0 and kinds[start - 1] == kinds[start - 1 + period]:
            start -= 1
        return depth - (depth - start) // period * period

    ways = [Repetition(prefix(period), period) for period in range(1, depth // 2 + 1)]
    # A block that runs once saves nothing, so it has to run at least twice.
    repeating = [way for way in ways if depth - way.prefix >= 2 * way.period]
    return min(repeating, key=sum, default=Repetition(depth, 0))


def run_layers(
    layer: type[nn.Module],
    kinds: Sequence[Kind],
    config: Config,
    settings: Settings,
    hidden: Float[Array, "rows tokens width"],
    *shared: Any,
) -> Float[Array, "rows tokens width"]:
    """Apply a stack's layers in order, inside the `compact` method of the encoder.

    Args:
      layer: built with (config, settings, **kind), called with (hidden, index, *shared); returns
        the new hidden states and None, the pair that `nn.scan` carries and collects.
      kinds: of every layer.
      config, settings: of the encoder; `settings.remat` says what of a layer is computed again in
        the backward pass.
      hidden: the input of the first layer.
      shared: further inputs, the same for every layer.
    """
    # A scan compiles one block for all of its turns. It needs layers that are alike, so those that
    # fit into no block, such as a first layer of its own kind, run before it, each compiled alone.
    prefix, period = find_repetition(kinds)
    alone = _checkpointed(layer, settings.remat)
    for index in range(prefix):
        module = alone(config, settings, **kinds[index], name=f"layer_{index}")
        hidden, _ = module(hidden, index, *shared)
    if not period:
        return hidden
    # Outside of a scan, barriers keep the compiler from merging what is computed again with the
    # forward pass, which would undo `remat`. In a scan the two stand in loops of their own and
    # can't be merged, so the barriers would only be in the way.
    repeated = _checkpointed(layer, settings.remat, prevent_cse=False)
    block, own = kinds[prefix : prefix + period], jnp.arange(prefix, len(kinds))

    def scan(module: Any) -> Any:
        return nn.scan(
            module,
            variable_axes={"params": 0},
            split_rngs={"params": True},
            in_axes=(0, *[nn.broadcast] * len(shared)),  # type: ignore[arg-type]  # Flax says int
            length=len(own) // period,
        )

    if period == 1:
        return scan(repeated)(config, settings, **block[0], name="layers")(hidden, own, *shared)[0]
    blocks = scan(_Block)(repeated, tuple(block), config, settings, name="blocks")
    return blocks(hidden, own.reshape(-1, period), *shared)[0]


def _checkpointed(layer: type[nn.Module], remat: str, **options: Any) -> type[nn.Module]:
    """Wrap a layer so that its backward pass finds what it needs kept or computes it again.

    "selective" goes a little further than Korthikanti et al. 2022
    (https://arxiv.org/abs/2205.05198): products with weights are kept; attention and what works
    entry by entry are computed again.
    """
    if remat == "none":
        return layer
    # Products with weights have no batch dimensions; the reference's attention has rows and heads.
    products = jax.checkpoint_policies.dots_with_no_batch_dims_saveable
    return nn.remat(layer, policy={"selective": products, "full": None}[remat], **options)


class _Block(nn.Module):
    """Consecutive layers, the body of a scan over more than one kind."""

    layer: type[nn.Module]
    kinds: tuple[Kind, ...]
    config: Config
    settings: Settings

    @nn.compact
    def __call__(
        self, hidden: Float[Array, "rows tokens width"], index: Int[Array, "period"], *shared: Any
    ) -> tuple[Float[Array, "rows tokens width"], None]:
        for place, kind in enumerate(self.kinds):
            module = self.layer(self.config, self.settings, **kind, name=str(place))
            hidden, _ = module(hidden, index[place], *shared)
        return hidden, None


def layer_tensors(
    kinds: Sequence[Kind], tensors: Callable[[Kind], Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """Return the tensors of a stack by their paths in the tree that `run_layers` makes.

    Args:
      kinds: of every layer.
      tensors: those of one layer of a kind, by their paths in it.
    """
    return {
        f"{stem}/{path}": dataclasses.replace(tensor, layers=layers)
        for stem, layers, kind in _places(kinds)
        for path, tensor in tensors(kind).items()
    }


def _places(kinds: Sequence[Kind]) -> Iterator[tuple[str, range | int, Kind]]:
    """Yield each path under which `run_layers` keeps layers, their numbers and their kind."""
    depth, (prefix, period) = len(kinds), find_repetition(kinds)
    for index in range(prefix):
        yield f"layer_{index}", index, kinds[index]
    for place in range(period):
        stem = "layers" if period == 1 else f"blocks/{place}"
        yield stem, range(prefix + place, depth, period), kinds[prefix + place]
