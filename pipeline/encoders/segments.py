"""Which tokens of a packed row see each other."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

MASKED = -1e30  # finite: a row of nothing but padding then has finite values and gradients


def visible(segment: Int[Array, "tokens"], window: int | None) -> Bool[Array, "tokens tokens"]:
    """Which tokens (columns) a token (row) sees: those of its segment, within the window.

    A segment's tokens stand side by side, so their distance in the row is that in the segment.
    """
    same = segment[:, None] == segment[None, :]
    if window is None:
        return same
    place = jnp.arange(segment.shape[0])
    return same & (jnp.abs(place[:, None] - place[None, :]) <= window)


def reach(
    segment: Int[Array, "tokens"], window: int | None, block: int
) -> tuple[Int[Array, "blocks"], Int[Array, "blocks"]]:
    """The tokens that a block of tokens sees lie in [first, last] of its entry."""
    tokens = segment.shape[0]
    starts = jnp.arange(0, tokens, block)
    ends = starts + block - 1
    first = jnp.argmax(segment[starts][:, None] == segment, axis=1)
    last = tokens - 1 - jnp.argmax(segment[ends][:, None] == segment[::-1], axis=1)
    if window is None:
        return first, last
    return jnp.maximum(first, starts - window), jnp.minimum(last, ends + window)
