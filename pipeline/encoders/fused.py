"""Attention of one head of one row in one kernel, for TPUs: scores never reach memory.

DeBERTa's relative terms (see `pipeline.encoders.disentangled`) are made block by block beside the
scores, so that no bias is written out either. A grid step takes `_BLOCK` queries of a row of T
tokens and all of its keys, and holds its [block, T] scores in the core's own memory: rows have a
few thousand tokens at most, which needs none of the running maxima of flash attention (Dao et al.,
2022). As there, the backward pass makes the scores again and keeps nothing of the forward pass but
what came in.

A relative term is a product with the vectors of the distances that a block reaches, then a skew:
row a of it turned by one place more than row a - 1, which the TPU does as one strided rotation.
"""

import functools
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from jaxtyping import Array, Float, Int

from pipeline.encoders.disentangled import Relative, terms
from pipeline.encoders.segments import MASKED

_BLOCK = 128  # queries of a grid step; a row of another length than a multiple is one block
INTERPRET = False  # run by plain JAX operations, which tests without a TPU do
_MEMORY = 64 * 2**20  # bytes of the core's own memory, which a compiler limits to 16 MiB unasked


def attention(
    query: Float[Array, "rows tokens heads width"],
    key: Float[Array, "rows tokens heads width"],
    value: Float[Array, "rows tokens heads width"],
    segment: Int[Array, "rows tokens"],
    window: int | None,
    relative: Relative | None,
) -> Float[Array, "rows tokens heads width"]:
    """Attention without dropout; the arguments are those of `attend`.

    Compiles for TPUs only, from v5e on; elsewhere it has to be interpreted.
    """

    def by_head(x: Array) -> Array:
        return x.transpose(0, 2, 1, 3)

    tables = None if relative is None else _tables(relative)
    parts = by_head(query), by_head(key), by_head(value)
    return by_head(cast(Array, _attention(*parts, segment, tables, window)))


def _tables(relative: Relative) -> Relative:
    """By head, an even number of distances each; keys in descending order of distance.

    Then entry m is of the distance T - 1 - m for keys, of m - (T - 1) for queries.
    """

    def even(x: Array) -> Array:
        return jnp.pad(x.swapaxes(0, 1), ((0, 0), (0, 1), (0, 0)))

    keys, queries = relative
    return Relative(
        None if keys is None else even(keys[::-1]), None if queries is None else even(queries)
    )


class _Shape(NamedTuple):
    """What a kernel is made for."""

    tokens: int
    block: int
    width: int
    window: int | None
    scale: float
    precision: lax.Precision | None

    @classmethod
    def of(cls, query: Array, tables: Relative | None, window: int | None) -> "_Shape":
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


def _visible(shape: _Shape, segment_ref: Any, start: Array) -> Array:
    """Which keys (columns) the block's queries (rows) see."""
    size = (shape.block, shape.tokens)
    own = segment_ref[0, :, pl.ds(start, shape.block)]
    of_query = jnp.broadcast_to(own, (shape.block, shape.block)).T[:, :1]
    seen = of_query == segment_ref[0]
    if shape.window is not None:
        place = start + lax.broadcasted_iota(jnp.int32, size, 0)
        seen &= jnp.abs(place - lax.broadcasted_iota(jnp.int32, size, 1)) <= shape.window
    return seen


def _reached_keys(shape: _Shape, start: Array) -> Any:
    """The entries of the table of keys that a block of queries reaches."""
    return pl.ds(pl.multiple_of(shape.tokens - start - shape.block, 8), shape.tokens + shape.block)


def _reached_queries(shape: _Shape, start: Array, tile: int) -> Any:
    """The entries of the table of queries that a tile of keys reaches from a block of queries."""
    first = start + shape.tokens - tile - shape.block
    return pl.ds(pl.multiple_of(first, 8), 2 * shape.block)


def _weights(
    shape: _Shape, start: Array, query: Array, key_ref: Any, segment_ref: Any, tables: Any
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


def _forward_kernel(
    shape: _Shape,
    query_ref: Any,
    key_ref: Any,
    value_ref: Any,
    segment_ref: Any,
    tables: Any,
    out_ref: Any,
) -> None:
    start = pl.multiple_of(pl.program_id(2) * shape.block, shape.block)
    weights = _weights(shape, start, query_ref[0, 0], key_ref, segment_ref, tables)
    mixed = shape.product(weights.astype(value_ref.dtype), value_ref[0, 0], (1, 0))
    out_ref[0, 0] = mixed.astype(out_ref.dtype)


def _backward_kernel(
    shape: _Shape,
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


def _flip(shape: _Shape, dtype: Any) -> Array:
    """What reverses a block's rows by a product, exact in every dtype: there is no other way to."""
    size = (shape.block, shape.block)
    place, other = (
        lax.broadcasted_iota(jnp.int32, size, 0),
        lax.broadcasted_iota(jnp.int32, size, 1),
    )
    return (place + other == shape.block - 1).astype(dtype)


def _spread_gradients(
    shape: _Shape, spread: Array, flip: Array, content: Array, table: Array
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


def _specs(shape: _Shape, tables: Relative | None) -> tuple[Any, Any, Any, Any]:
    """Blocks of queries, whole rows, segments and tables, by a grid of heads, rows and blocks."""
    query = pl.BlockSpec((1, 1, shape.block, shape.width), lambda h, r, b: (r, h, b, 0))
    row = pl.BlockSpec((1, 1, shape.tokens, shape.width), lambda h, r, b: (r, h, 0, 0))
    segments = pl.BlockSpec((1, 1, shape.tokens), lambda h, r, b: (r, 0, 0))
    whole = pl.BlockSpec((1, 2 * shape.tokens, shape.width), lambda h, r, b: (h, 0, 0))
    return query, row, segments, jax.tree.map(lambda _: whole, tables)


def _grid(query: Array, shape: _Shape) -> tuple[int, int, int]:
    rows, heads = query.shape[:2]
    return heads, rows, shape.tokens // shape.block


def _cost(shape: _Shape, query: Array, tables: Relative | None, backward: bool) -> pl.CostEstimate:
    """What the compiler can't see for itself: products, exponentials, and each array moved once."""
    rows, heads = query.shape[:2]
    pairs = rows * heads * shape.tokens**2
    reach = 1 + shape.block / shape.tokens  # distances a block of queries reaches, by its keys
    flip = shape.block / shape.width if backward else 0.0
    made = 3 if backward else 1  # once the term, twice its gradients
    products = 5.0 if backward else 2.0
    if tables is not None and tables.keys is not None:
        products += made * reach + flip
    if tables is not None and tables.queries is not None:
        products += made * 2 + flip
    moved = (7 if backward else 4) * query.size + sum(x.size for x in jax.tree.leaves(tables))
    return pl.CostEstimate(
        flops=int(2 * pairs * shape.width * products),
        transcendentals=pairs,
        bytes_accessed=moved * query.dtype.itemsize,
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(5,))
def _attention(
    query: Float[Array, "rows heads tokens width"],
    key: Float[Array, "rows heads tokens width"],
    value: Float[Array, "rows heads tokens width"],
    segment: Int[Array, "rows tokens"],
    tables: Relative | None,
    window: int | None,
) -> Float[Array, "rows heads tokens width"]:
    shape = _Shape.of(query, tables, window)
    own, row, segments, whole = _specs(shape, tables)
    return pl.pallas_call(
        functools.partial(_forward_kernel, shape),
        out_shape=jax.ShapeDtypeStruct(query.shape, query.dtype),
        grid=_grid(query, shape),
        in_specs=(own, row, row, segments, whole),
        out_specs=own,
        compiler_params=pltpu.CompilerParams(vmem_limit_bytes=_MEMORY),
        cost_estimate=_cost(shape, query, tables, backward=False),
        interpret=INTERPRET,
        name="attention",
    )(query, key, value, segment[:, None], tables)


def _forward(
    query: Array, key: Array, value: Array, segment: Array, tables: Any, window: int | None
) -> tuple[Array, Any]:
    kept = (query, key, value, segment, tables)
    return _attention(*kept, window), kept


def _backward(window: int | None, kept: Any, change: Array) -> tuple[Any, ...]:
    query, key, value, segment, tables = kept
    shape = _Shape.of(query, tables, window)
    own, row, segments, whole = _specs(shape, tables)
    summed = jax.ShapeDtypeStruct(query.shape, jnp.float32)
    *gradients, of_tables = pl.pallas_call(
        functools.partial(_backward_kernel, shape),
        out_shape=(
            jax.ShapeDtypeStruct(query.shape, query.dtype),
            summed,
            summed,
            jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, jnp.float32), tables),
        ),
        grid=_grid(query, shape),
        in_specs=(own, row, row, segments, whole, own),
        out_specs=(own, row, row, whole),
        compiler_params=pltpu.CompilerParams(vmem_limit_bytes=_MEMORY),
        cost_estimate=_cost(shape, query, tables, backward=True),
        interpret=INTERPRET,
        name="attention_gradient",
    )(query, key, value, segment[:, None], tables, change)
    cast = jax.tree.map(lambda x: x.astype(query.dtype), (*gradients, of_tables))
    return (*cast[:3], np.zeros(segment.shape, jax.dtypes.float0), cast[3])


_attention.defvjp(_forward, _backward)
