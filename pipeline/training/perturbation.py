"""Adversarial weight perturbation (Wu et al., 2020): the gradient where the loss is higher.

A first pass finds the direction in which the loss rises. The second takes the gradient at weights
that are moved that way, which is the one that the optimizer gets; the weights themselves stay where
they were. Both passes drop and mask the same entries, so the move is uphill for the second.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from pipeline.encoders.registry import Tensor
from pipeline.params import Perturbation

Params = Mapping[str, Any]
Perturb = Callable[[Params, Params], Params]
"""A function from parameters and their gradient to the parameters moved."""

# Keeps a parameter without gradient where it is, and lets one of nothing but zeros move.
_LEAST = 1e-6


def of(options: Perturbation, places: Mapping[str, Tensor]) -> Perturb | None:
    """Make the move that the options describe; None where they ask for none.

    A leaf moves along its gradient by `size` times its own norm. Every layer of a leaf that stacks
    several has norms of its own, as a layer's tensor has in torch.

    Args:
      options: leaves, size and bound.
      places: the layers of every leaf by its path.
    """
    if options.leaves == "none":
        return None

    def moved(path: tuple[Any, ...], weight: Array, gradient: Array) -> Array:
        names = [str(part.key) for part in path]
        if not _is_chosen(options.leaves, names[-1]):
            return weight
        axes = tuple(range(int(places["/".join(names)].stacked), weight.ndim))
        steepness = _norm(gradient, axes) + _LEAST
        move = options.size * gradient / steepness * (_norm(weight, axes) + _LEAST)
        if options.bound is not None:
            most = options.bound * jnp.abs(weight)
            move = jnp.clip(move, -most, most)
        return weight + move

    return lambda params, gradient: jax.tree_util.tree_map_with_path(moved, params, gradient)


def has_begun(
    options: Perturbation, step: Int[Array, ""], total: Int[Array, ""]
) -> Bool[Array, ""]:
    """Tell whether `step` of `total` is one with a perturbation."""
    return step >= jnp.round(options.start * total)


def twice(
    mean: Callable[[Params], tuple[Array, Array, Params]],
    perturb: Perturb,
    params: Params,
    late: Bool[Array, ""],
) -> tuple[Array, Array, Params]:
    """Return loss and weight at the parameters, and the gradient at those that are moved.

    One loop of one or two passes, so that the network is compiled once: with the second pass under
    a `cond` of its own it would be compiled twice.

    Args:
      mean: from parameters to loss, weight and gradient over the whole batch, alike on all devices.
      perturb: the move.
      params: those of the state.
      late: false before the perturbation sets in, where the first pass is the only one.
    """

    def again(i: Int[Array, ""], found: Any) -> Any:
        first, _, gradient = found
        # Nothing moves along the zeros that the loop begins with.
        loss, weight, gradient = mean(perturb(params, gradient))
        return jnp.where(i == 0, loss, first), weight, gradient

    zeros = jax.tree.map(jnp.zeros_like, (jnp.zeros(()), jnp.zeros(()), params))
    return jax.lax.fori_loop(0, 1 + late.astype(jnp.int32), again, zeros)


def _is_chosen(leaves: str, name: str) -> bool:
    match leaves:
        case "embeddings":
            return name == "embedding"
        case "matrices":
            return name in ("embedding", "kernel")
    return True


def _norm(leaf: Array, axes: tuple[int, ...]) -> Array:
    return jnp.sqrt(jnp.sum(jnp.square(leaf), axis=axes, keepdims=True))
