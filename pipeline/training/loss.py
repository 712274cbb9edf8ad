"""Weighted cross entropy of elements, as sums: the caller divides once, at the end."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


def cross_entropy_sum(
    logits: Float[Array, "rows slots labels"],
    label: Int[Array | np.ndarray, "rows slots"],
    weight: Float[Array | np.ndarray, "rows slots"],
    smoothing: float,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Sum of weighted cross entropies, and the sum of the weights.

    A mean per device followed by a mean of means would be wrong, since packed rows hold
    different numbers of elements; both sums can be added over devices and accumulation.

    Args:
      logits: of each slot.
      label: any valid label where the weight is zero.
      weight: an element's share in this slot; zero for a slot that is not used.
      smoothing: probability spread evenly over all labels (Szegedy et al., 2016).
    """
    labels = logits.shape[-1]
    target = jax.nn.one_hot(label, labels) * (1.0 - smoothing) + smoothing / labels
    losses = -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)
    return jnp.sum(losses * weight), jnp.sum(weight)
