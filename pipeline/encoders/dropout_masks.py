"""Dropout masks: random bytes by row key and place, the same for every implementation."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.random import threefry_2x32
from jaxtyping import Array, Bool, Key

LEVELS = 256  # of the random bytes that decide what dropout keeps
GROUP = 128  # entries along the leading axis whose bytes share draws
_DRAWS = GROUP // 8  # Threefry makes 64 bits at a time


def kept(rate: float) -> int:
    """Return the number of the `LEVELS` bytes that keep an entry at a dropout rate."""
    # At least one, so that the scale `LEVELS / kept` stays finite.
    return max(1, round(LEVELS * (1.0 - rate)))


def keep_mask(key: Key[Array, ""], shape: tuple[int, ...], rate: float) -> Bool[Array, "..."]:
    """Draw the mask of the entries that dropout keeps, a byte for each.

    Threefry (Salmon et al., 2011) is the dear part on CPUs. So each draw gives eight bytes, which
    serve the entries i, i + 16, ..., i + 112 of a group of 128 along the leading axis.
    """
    rows, columns = shape[0], _size(shape[1:])
    return keep_block(key, (0, 0), (rows, columns), columns, rate).reshape(shape)


def keep_block(
    key: Key[Array, ""],
    start: tuple[Array | int, Array | int],
    shape: tuple[int, int],
    columns: int,
    rate: float,
    transposed: bool = False,
) -> Bool[Array, "..."]:
    """Draw a block of the mask that `keep_mask` draws for a whole matrix.

    Args:
      key: of the matrix.
      start: first row, a multiple of `GROUP`, and first column.
      shape: rows and columns of the block.
      columns: of the whole matrix.
      rate: the share of entries to drop.
      transposed: return the block's transpose, without moving it.
    """
    # The counter is the place in the whole matrix, never the place in the block. So a block has the
    # bits that the whole mask has there.
    groups = -(-shape[0] // GROUP)
    row = jnp.asarray(start[0], jnp.uint32) // 8 + lax.iota(jnp.uint32, groups * _DRAWS)
    column = jnp.asarray(start[1], jnp.uint32) + lax.iota(jnp.uint32, shape[1])
    if transposed:
        counter = (column[:, None] + row * jnp.uint32(columns)).reshape(shape[1], groups, _DRAWS)
    else:
        counter = (column + row[:, None] * jnp.uint32(columns)).reshape(groups, _DRAWS, shape[1])
    pair = jnp.concatenate([counter.ravel(), jnp.zeros(counter.size, jnp.uint32)])
    words = threefry_2x32(jax.random.key_data(key), pair).reshape(2, *counter.shape)
    octets = [(word >> shift) & 0xFF for word in words for shift in (0, 8, 16, 24)]
    axis = 2 if transposed else 1
    keep = jnp.concatenate(octets, axis) < kept(rate)
    if transposed:
        return keep.reshape(shape[1], -1)[:, : shape[0]]
    return keep.reshape(-1, shape[1])[: shape[0]]


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
