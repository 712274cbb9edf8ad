"""From token logits to elements: a slot's logits are the mean over its own tokens."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


def slot_sums(
    logits: Float[Array, "rows tokens labels"],
    slot: Int[Array | np.ndarray, "rows tokens"],
    slots: int,
) -> tuple[Float[Array, "rows {slots} labels"], Float[Array, "rows {slots}"]]:
    """Sum token logits by slot and count the tokens.

    Args:
      logits: float32.
      slot: the slot of each token, -1 for a token of none.
      slots: how many slots a row has.

    Returns:
      The sums, and the counts (0 for a slot that is not used).
    """
    member = jax.nn.one_hot(slot, slots, dtype=logits.dtype)  # of -1: all zeros
    # A product with zeros and ones, for TPUs are slow at scattered sums. At the highest precision,
    # or a TPU would round the logits to bfloat16.
    sums = jnp.einsum("rts,rtl->rsl", member, logits, precision=jax.lax.Precision.HIGHEST)
    return sums, member.sum(axis=1)


def slot_means(
    logits: Float[Array, "rows tokens labels"],
    slot: Int[Array | np.ndarray, "rows tokens"],
    slots: int,
) -> Float[Array, "rows {slots} labels"]:
    """Average the token logits of each slot; zero for a slot that is not used."""
    sums, counts = slot_sums(logits, slot, slots)
    return sums / jnp.maximum(counts, 1.0)[..., None]
