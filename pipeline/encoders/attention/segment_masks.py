"""Visibility within a packed row: tokens see those of their own segment."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

MASKED = -1e30  # finite: a row of nothing but padding then has finite values and gradients


def visible(segment: Int[Array, "tokens"], window: int | None) -> Bool[Array, "tokens tokens"]:
    """Return the mask of the tokens (columns) that each token (row) sees.

    They are those of its segment, at most `window` tokens away. A segment's tokens stand side by
    side, so their distance in the row is that in the segment.
    """
    # Padding is a segment like the others: it sees itself and nothing else sees it. So no row of
    # the mask is empty, and softmax never divides by zero.
    same = segment[:, None] == segment[None, :]
    if window is None:
        return same
    place = jnp.arange(segment.shape[0])
    return same & (jnp.abs(place[:, None] - place[None, :]) <= window)


def reach(
    segment: Int[Array, "tokens"], window: int | None, block: int
) -> tuple[Int[Array, "blocks"], Int[Array, "blocks"]]:
    """Return the first and the last token that each block of `block` tokens sees."""
    tokens = segment.shape[0]
    starts = jnp.arange(0, tokens, block)
    ends = starts + block - 1
    # Segments are contiguous, so a block sees no further than the whole segments of its first and
    # its last token. Argmax finds the first place that is true.
    first = jnp.argmax(segment[starts][:, None] == segment, axis=1)
    last = tokens - 1 - jnp.argmax(segment[ends][:, None] == segment[::-1], axis=1)
    if window is None:
        return first, last
    return jnp.maximum(first, starts - window), jnp.minimum(last, ends + window)
