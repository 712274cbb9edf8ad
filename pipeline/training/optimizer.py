"""AdamW as one optax transformation: a peak rate for each leaf, and a schedule over the steps."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from pipeline.encoders.registry import Tensor
from pipeline.params import Optimizer

Params = Mapping[str, Any]


def adamw(
    options: Optimizer, places: Mapping[str, Tensor], depth: int
) -> optax.GradientTransformationExtraArgs:
    """Make the optimizer: gradients in, changes of the parameters out.

    Decay is decoupled (Loshchilov & Hutter, 2019): it is multiplied by the rate and never enters
    Adam's moments. Biases and norms have none. `update` takes `step` and `total` besides, as arrays
    (see `schedule`).

    Args:
      options: rates, decay, moments and schedule.
      places: the layers of every leaf by its path.
      depth: the number of layers.
    """
    return optax.chain(
        optax.clip_by_global_norm(options.clip),
        optax.scale_by_adam(b1=options.b1, b2=options.b2, eps=options.eps),
        optax.add_decayed_weights(options.weight_decay, mask=decays),
        _scale_by_rates(options, places, depth),
    )


def decays(params: Params) -> Params:
    """Mask the leaves that weight decay touches: all but biases and the scales of norms."""
    # Names alone decide: a scanned stack gives biases a leading axis, so ranks tell nothing.
    return jax.tree_util.tree_map_with_path(
        lambda path, _: str(path[-1].key) not in ("bias", "scale"), params
    )


def _scale_by_rates(
    options: Optimizer, places: Mapping[str, Tensor], depth: int
) -> optax.GradientTransformationExtraArgs:
    """Multiply by the rate of the step and of the leaf, and turn about: the loss is to fall."""

    def update(
        updates: Any,
        state: Any,
        params: Any = None,
        *,
        step: Int[Array, ""],
        total: Int[Array, ""],
        **_: Any,
    ) -> tuple[Any, Any]:
        share = schedule(step, total, options)
        # The order of the factors decides the last bit.
        changes = jax.tree.map(
            lambda peak, update: -(share * peak * update),
            rates(updates, places, depth, options),
            updates,
        )
        return changes, state

    return optax.GradientTransformationExtraArgs(
        lambda params: optax.EmptyState(),
        update,  # type: ignore[arg-type]  # optax's protocol has no names of extra arguments
    )


def rates(params: Params, places: Mapping[str, Tensor], depth: int, options: Optimizer) -> Params:
    """Return the peak learning rate of each leaf, in a shape that broadcasts against it.

    The head has a rate of its own. Layer i of the encoder's n has the backbone's rate times
    `layer_decay ** (n - 1 - i)`; the embeddings below have it times `layer_decay ** n`. A leaf that
    stacks several layers has one rate for each along its leading axis.

    Args:
      params: the whole tree.
      places: the layers of every leaf by its path.
      depth: the number of layers.
      options: the rates.
    """

    def rate(path: tuple[Any, ...], leaf: Any) -> np.ndarray:
        names = [str(part.key) for part in path]
        if names[0] != "encoder":
            return np.array(options.head_rate, np.float32)
        place = places["/".join(names)]
        above = depth if place.layers is None else depth - 1 - np.array(place.layers)
        own = np.array(options.backbone_rate * options.layer_decay**above, np.float32)
        return own.reshape(-1, *[1] * (leaf.ndim - 1)) if place.stacked else own

    return jax.tree_util.tree_map_with_path(rate, params)


def schedule(step: Int[Array, ""], total: Int[Array, ""], options: Optimizer) -> Float[Array, ""]:
    """Return the share of the peak rate at `step` of `total`: linear warm-up, then down to zero.

    Both are arrays, traced in a step, so that folds of different lengths share one compilation.
    """
    warmup = jnp.round(options.warmup * total)
    # From `step + 1`, so that the first step moves too.
    up = (step + 1) / jnp.maximum(warmup, 1.0)
    left = (total - step) / jnp.maximum(total - warmup, 1.0)
    down = left if options.schedule == "linear" else 0.5 * (1.0 - jnp.cos(jnp.pi * left))
    return jnp.where(step < warmup, up, jnp.clip(down, 0.0, 1.0)).astype(jnp.float32)
