"""The kernels of `pipeline.encoders.fused`: a block of queries against all keys of its row.

A relative term is a product with the vectors of the distances that a block reaches, then a skew:
row a of it turned by one place more than row a - 1, which the TPU does as one strided rotation.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from jaxtyping import Array

from pipeline.encoders.disentangled import Relative, terms
from pipeline.encoders.segments import MASKED

_BLOCK = 128  # queries of a grid step; a row of another length than a multiple is one block


class Shape(NamedTuple):
    """What a kernel is made for."""

    tokens: int
    block: int
    width: int
    window: int | None
    scale: float
    precision: lax.Precision | None

    @classmethod
    def of(cls, query: Array, tables: Relative | None, window: int | None) -> "Shape":
        """The shape for queries of [rows, heads, tokens, width]."""
        tokens, width = query.shape[2:]
        block = _BLOCK if tokens % _BLOCK == 0 else tokens
        scale = (width * (1 + terms(tables))) ** -0.5
        exact = lax.Precision.HIGHEST if query.dtype == jnp.float32 else None
        return cls(tokens, block, width, window, scale, exact)

    def product(self, a: Array, b: Array, over: tuple[int, int]) -> Array:
        """Contract one axis of each, in float32."""
        dimensions = (((over[0],), (over[1],)), ((), ()))
        return lax.dot_general(
            a, b, dimensions, precision=self.precision, preferred_element_type=jnp.float32
        )


def _skew(products: Array) -> Array:
    """Shift row a of [B, B + n] so that column j of n comes from column B - 1 - a + j."""
    rows, columns = products.shape
    turned = pltpu.roll(products, columns - rows + 1, 1, stride=1, stride_axis=0)
    return turned[:, : columns - rows]


def _unskew(flipped: Array) -> Array:
    """The transpose of `_skew`, from and to rows in reverse order: row b is turned by b places."""
    room = jnp.zeros((len(flipped), len(flipped)), flipped.dtype)
    wide = jnp.concatenate([flipped, room], axis=1)
    return pltpu.roll(wide, 0, 1, stride=1, stride_axis=0)


def _visible(shape: Shape, segment_ref: Any, start: Array) -> Array:
    """Which keys (columns) the block's queries (rows) see."""
    size = (shape.block, shape.tokens)
    own = segment_ref[0, :, pl.ds(start, shape.block)]
    of_query = jnp.broadcast_to(own, (shape.block, shape.block)).T[:, :1]
    seen = of_query == segment_ref[0]
    if shape.window is not None:
        place = start + lax.broadcasted_iota(jnp.int32, size, 0)
        seen &= jnp.abs(place - lax.broadcasted_iota(jnp.int32, size, 1)) <= shape.window
    return seen


def _reached_keys(shape: Shape, start: Array) -> Any:
    """The entries of the table of keys that a block of queries reaches."""
    return pl.ds(pl.multiple_of(shape.tokens - start - shape.block, 8), shape.tokens + shape.block)


def _reached_queries(shape: Shape, start: Array, tile: int) -> Any:
    """The entries of the table of queries that a tile of keys reaches from a block of queries."""
    first = start + shape.tokens - tile - shape.block
    return pl.ds(pl.multiple_of(first, 8), 2 * shape.block)


def _weights(
    shape: Shape, start: Array, query: Array, key_ref: Any, segment_ref: Any, tables: Any
) -> Array:
    """Attention weights of a block of queries, [block, tokens] in float32."""
    scores = shape.product(query, key_ref[0, 0], (1, 1))
    if tables is not None and tables.keys is not None:
        reached = tables.keys[0, _reached_keys(shape, start)]
        scores += _skew(shape.product(query, reached, (1, 1)))
    if tables is not None and tables.queries is not None:
        tiles = []
        for tile in range(0, shape.tokens, shape.block):
            reached = tables.queries[0, _reached_queries(shape, start, tile)]
            own = key_ref[0, 0, pl.ds(tile, shape.block)]
            tiles.append(_skew(shape.product(own, reached, (1, 1))).T)
        scores += jnp.concatenate(tiles, axis=1)
    seen = _visible(shape, segment_ref, start)
    scores = jnp.where(seen, scores * shape.scale, MASKED)
    shares = jnp.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def forward_kernel(
    shape: Shape,
    query_ref: Any,
    key_ref: Any,
    value_ref: Any,
    segment_ref: Any,
    tables: Any,
    out_ref: Any,
) -> None:
    """Write a block's mixed values."""
    start = pl.multiple_of(pl.program_id(2) * shape.block, shape.block)
    weights = _weights(shape, start, query_ref[0, 0], key_ref, segment_ref, tables)
    mixed = shape.product(weights.astype(value_ref.dtype), value_ref[0, 0], (1, 0))
    out_ref[0, 0] = mixed.astype(out_ref.dtype)


def backward_kernel(
    shape: Shape,
    query_ref: Any,
    key_ref: Any,
    value_ref: Any,
    segment_ref: Any,
    tables: Any,
    change_ref: Any,
    query_out: Any,
    key_out: Any,
    value_out: Any,
    tables_out: Any,
) -> None:
    """Gradients; those of keys, values and tables grow in place over the steps of the grid."""
    row, block = pl.program_id(1), pl.program_id(2)
    start = pl.multiple_of(block * shape.block, shape.block)
    query, arriving, dtype = query_ref[0, 0], change_ref[0, 0], query_ref.dtype

    @pl.when(block == 0)
    def _() -> None:
        key_out[...] = jnp.zeros_like(key_out)
        value_out[...] = jnp.zeros_like(value_out)

    @pl.when((block == 0) & (row == 0))
    def _() -> None:
        for out in jax.tree.leaves(tables_out):
            out[...] = jnp.zeros_like(out)

    weights = _weights(shape, start, query, key_ref, segment_ref, tables)
    value_out[0, 0] += shape.product(weights.astype(dtype), arriving, (0, 0))
    toward = shape.product(arriving, value_ref[0, 0], (1, 1))
    mean = (weights * toward).sum(axis=1, keepdims=True)
    scores = weights * (toward - mean) * shape.scale  # gradient of the scores before the scale
    narrow = scores.astype(dtype)
    query_change = shape.product(narrow, key_ref[0, 0], (1, 0))
    key_out[0, 0] += shape.product(narrow, query, (0, 0))
    flip = _flip(shape, dtype)
    if tables is not None and tables.keys is not None:
        there = _reached_keys(shape, start)
        spread = _unskew(shape.product(flip, narrow, (1, 0)))
        change, of_table = _spread_gradients(shape, spread, flip, query, tables.keys[0, there])
        query_change += change
        tables_out.keys[0, there] += of_table
    if tables is not None and tables.queries is not None:
        for tile in range(0, shape.tokens, shape.block):
            there, own = _reached_queries(shape, start, tile), pl.ds(tile, shape.block)
            spread = _unskew(shape.product(flip, narrow[:, tile : tile + shape.block], (1, 1)))
            change, of_table = _spread_gradients(
                shape, spread, flip, key_ref[0, 0, own], tables.queries[0, there]
            )
            key_out[0, 0, own] += change
            tables_out.queries[0, there] += of_table
    query_out[0, 0] = query_change.astype(query_out.dtype)


def _flip(shape: Shape, dtype: Any) -> Array:
    """What reverses a block's rows by a product, exact in every dtype: there is no other way to."""
    size = (shape.block, shape.block)
    place, other = (
        lax.broadcasted_iota(jnp.int32, size, 0),
        lax.broadcasted_iota(jnp.int32, size, 1),
    )
    return (place + other == shape.block - 1).astype(dtype)


def _spread_gradients(
    shape: Shape, spread: Array, flip: Array, content: Array, table: Array
) -> tuple[Array, Array]:
    """Gradients of a block of queries or keys, and of the entries that it reaches.

    Args:
      shape: of the kernel.
      spread: gradient of their products, rows in reverse order.
      flip: see `_flip`.
      content: the queries or keys.
      table: the entries.
    """
    narrow = spread.astype(content.dtype)
    of_content = shape.product(narrow, table, (1, 0)).astype(content.dtype)
    reverse = shape.product(flip, content, (1, 0)).astype(content.dtype)
    return shape.product(flip, of_content, (1, 0)), shape.product(narrow, reverse, (0, 0))
