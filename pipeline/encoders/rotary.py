"""Rotary positions (Su et al., 2021): queries and keys turned by angles that grow with position."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


class Rotation(NamedTuple):
    """Cosine and sine of each token's angles."""

    cosine: Float[Array, "rows tokens half"]
    sine: Float[Array, "rows tokens half"]


def rotation(position: Int[Array, "rows tokens"], width: int, theta: float) -> Rotation:
    """Return the rotation by the angles `position * theta ** (-2 i / width)`, in float32.

    Args:
      position: of each token in its window.
      width: of a head.
      theta: the base.
    """
    exponents = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    frequencies = np.float32(1.0) / np.float32(theta) ** exponents
    # bfloat16 tells integers apart only up to 256, so positions stay float32 in every run.
    angles = position[..., None].astype(jnp.float32) * frequencies
    return Rotation(jnp.cos(angles), jnp.sin(angles))


def rotate(
    x: Float[Array, "rows tokens heads width"], by: Rotation
) -> Float[Array, "rows tokens heads width"]:
    """Turn the pairs (i, i + width / 2) of every head by the token's angles."""
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    cosine, sine = by.cosine[:, :, None], by.sine[:, :, None]
    turned = (first * cosine - second * sine, second * cosine + first * sine)
    return jnp.concatenate(turned, axis=-1).astype(x.dtype)
