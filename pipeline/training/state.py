"""Everything that a step reads and replaces: the functional state of Flax's stateless modules."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, UInt32


class TrainState(NamedTuple):
    """Replicated on every device; a step maps one to the next.

    Attributes:
      step: steps done so far.
      total: steps of all epochs, which the schedule needs.
      key: raw data of the key that every dropout key is folded from.
      params: float32 whatever the activations are.
      moments: the optimizer's own state.
    """

    step: Int[Array, ""]
    total: Int[Array, ""]
    key: UInt32[Array, "2"]
    params: Any
    moments: Any

    @classmethod
    def create(
        cls, params: Any, optimizer: optax.GradientTransformation, total: int, seed: int
    ) -> "TrainState":
        """Make the state before the first step."""
        return cls(
            step=jnp.zeros((), jnp.int32),
            total=jnp.asarray(total, jnp.int32),
            key=jax.random.key_data(jax.random.key(seed)),
            params=params,
            moments=jax.jit(optimizer.init)(params),  # eagerly, each shape would compile
        )
