"""The kernels of `fused.py`: a block of queries against all keys of its row.

A relative term is a product with the vectors of the distances that a block reaches, then a skew.
The skew turns row a by one place more than row a - 1, which a TPU does as one strided rotation.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from jaxtyping import Array

from pipeline.encoders.attention.disentangled import Relative, terms
from pipeline.encoders.attention.segment_masks import MASKED

# As many as a register has lanes. The scores of a block, [128, T] in float32, take half a MiB of
# the core's memory in rows of 1,024.
_BLOCK = 128  # queries of a grid step; a row of another length than a multiple is one block


class Shape(NamedTuple):
    """The sizes and constants that a kernel is compiled for."""

    tokens: int
    block: int
    width: int
    window: int | None
    scale: float
    precision: lax.Precision | None

    @classmethod
    def of(cls, query: Array, tables: Relative | None, window: int | None) -> "Shape":
        """Take the shape from queries of [rows, heads, tokens, width]."""
        tokens, width = query.shape[2:]
        block = _BLOCK if tokens % _BLOCK == 0 else tokens
        scale = (width * (1 + terms(tables))) ** -0.5
        # Unasked, a TPU multiplies float32 in bfloat16.
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
    """Transpose `_skew`, from and to rows in reverse order: row b is turned by b places."""
    # The inverse turns each row by one place less than the one before, but a rotation's stride must
    # not be negative. In reverse order it is one place more.
    room = jnp.zeros((len(flipped), len(flipped)), flipped.dtype)
    wide = jnp.concatenate([flipped, room], axis=1)
    return pltpu.roll(wide, 0, 1, stride=1, stride_axis=0)


def _visible(shape: Shape, segment_ref: Any, start: Array) -> Array:
    """Return the mask of the keys (columns) that the block's queries (rows) see."""
    size = (shape.block, shape.tokens)
    own = segment_ref[0, :, pl.ds(start, shape.block)]
    # Segments lie along lanes. Turning a square of them gives the column that queries need.
    of_query = jnp.broadcast_to(own, (shape.block, shape.block)).T[:, :1]
    seen = of_query == segment_ref[0]
    if shape.window is not None:
        place = start + lax.broadcasted_iota(jnp.int32, size, 0)
        seen &= jnp.abs(place - lax.broadcasted_iota(jnp.int32, size, 1)) <= shape.window
    return seen


def _reached_keys(shape: Shape, start: Array) -> Any:
    """Return the entries of the table of keys that a block of queries reaches."""
    # The compiler can't see that the offset is a multiple of 8, as a slice of the core's memory
    # has to be.
    return pl.ds(pl.multiple_of(shape.tokens - start - shape.block, 8), shape.tokens + shape.block)


def _reached_queries(shape: Shape, start: Array, tile: int) -> Any:
    """Return the entries of the table of queries that a tile of keys reaches from the block."""
    first = start + shape.tokens - tile - shape.block
    return pl.ds(pl.multiple_of(first, 8), 2 * shape.block)


def _weights(
    shape: Shape, start: Array, query: Array, key_ref: Any, segment_ref: Any, tables: Any
) -> Array:
    """Return the attention weights of a block of queries, [block, tokens] in float32."""
    scores = shape.product(query, key_ref[0, 0], (1, 1))
    if tables is not None and tables.keys is not None:
        reached = tables.keys[0, _reached_keys(shape, start)]
        scores += _skew(shape.product(query, reached, (1, 1)))
    if tables is not None and tables.queries is not None:
        # This term's product has keys as rows. So it is made by tiles of keys; each is skewed, then
        # turned to have queries as rows.
        tiles = []
        for tile in range(0, shape.tokens, shape.block):
            reached = tables.queries[0, _reached_queries(shape, start, tile)]
            own = key_ref[0, 0, pl.ds(tile, shape.block)]
            tiles.append(_skew(shape.product(own, reached, (1, 1))).T)
        scores += jnp.concatenate(tiles, axis=1)
    # The scale comes last: it is one for all terms, and scores are float32 here.
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
    """Write gradients; those of keys, values and tables grow in place over the grid's steps."""
    row, block = pl.program_id(1), pl.program_id(2)
    start = pl.multiple_of(block * shape.block, shape.block)
    query, arriving, dtype = query_ref[0, 0], change_ref[0, 0], query_ref.dtype

    # A core runs the steps of its grid in order, blocks innermost, then rows. The first step that
    # meets an output has to clear it.
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
    # Weights of a query sum to 1, so softmax passes on only what differs from the mean gradient.
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
    """Return the matrix that reverses a block's rows by a product, exact in every dtype.

    A kernel has no other way to reverse them.
    """
    size = (shape.block, shape.block)
    place, other = (
        lax.broadcasted_iota(jnp.int32, size, 0),
        lax.broadcasted_iota(jnp.int32, size, 1),
    )
    return (place + other == shape.block - 1).astype(dtype)


def _spread_gradients(
    shape: Shape, spread: Array, flip: Array, content: Array, table: Array
) -> tuple[Array, Array]:
    """Return the gradients of a block of queries or keys, and of the entries that it reaches.

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
