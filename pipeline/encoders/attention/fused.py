"""Attention of one head of one row in one kernel, for TPUs: scores never reach memory.

DeBERTa's relative terms (see `disentangled.py`) are made block by block beside the
scores, so that no bias is written out either. A grid step takes a block of queries of a row of T
tokens and all of its keys, and holds its [block, T] scores in the core's own memory. Rows have a
few thousand tokens at most, so the running maxima of flash attention (Dao et al., 2022) are not
needed. As there, the backward pass makes the scores again; it keeps the inputs of the forward pass
and nothing else.
"""

import functools
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from jaxtyping import Array, Float, Int

from pipeline.encoders.attention.disentangled import Relative
from pipeline.encoders.attention.pallas import Shape, backward_kernel, forward_kernel

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
    """Attend without dropout; the arguments are those of `attend`.

    It compiles for TPUs only, from v5e on; elsewhere it has to be interpreted.
    """

    def by_head(x: Array) -> Array:
        return x.transpose(0, 2, 1, 3)

    tables = None if relative is None else _tables(relative)
    parts = by_head(query), by_head(key), by_head(value)
    return by_head(cast(Array, _attention(*parts, segment, tables, window)))


def _tables(relative: Relative) -> Relative:
    """Arrange tables by head, with 2 T entries each; keys in descending order of distance.

    Entry m is then of the distance T - 1 - m for keys, of m - (T - 1) for queries.
    """

    # A row has 2 T - 1 distances. One more entry, of zeros, lets every block read whole blocks.
    def even(x: Array) -> Array:
        return jnp.pad(x.swapaxes(0, 1), ((0, 0), (0, 1), (0, 0)))

    keys, queries = relative
    return Relative(
        None if keys is None else even(keys[::-1]), None if queries is None else even(queries)
    )


def _specs(shape: Shape, tables: Relative | None) -> tuple[Any, Any, Any, Any]:
    """Return the specs of queries, whole rows, segments and tables, by head, row and block."""
    query = pl.BlockSpec((1, 1, shape.block, shape.width), lambda h, r, b: (r, h, b, 0))
    row = pl.BlockSpec((1, 1, shape.tokens, shape.width), lambda h, r, b: (r, h, 0, 0))
    segments = pl.BlockSpec((1, 1, shape.tokens), lambda h, r, b: (r, 0, 0))
    whole = pl.BlockSpec((1, 2 * shape.tokens, shape.width), lambda h, r, b: (h, 0, 0))
    return query, row, segments, jax.tree.map(lambda _: whole, tables)


def _grid(query: Array, shape: Shape) -> tuple[int, int, int]:
    # Heads outermost: the tables of a head stay in the core's memory for all rows, and their
    # gradients are summed there. Blocks innermost: the same goes for the keys of a row.
    rows, heads = query.shape[:2]
    return heads, rows, shape.tokens // shape.block


def _cost(shape: Shape, query: Array, tables: Relative | None, backward: bool) -> pl.CostEstimate:
    """Estimate for the compiler, which can't see into a kernel: each array is moved once."""
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
    shape = Shape.of(query, tables, window)
    own, row, segments, whole = _specs(shape, tables)
    # A TPU wants the last two axes of a block whole or in multiples of 8 and 128. So segments get
    # an axis of length one before their tokens.
    return pl.pallas_call(
        functools.partial(forward_kernel, shape),
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
    shape = Shape.of(query, tables, window)
    own, row, segments, whole = _specs(shape, tables)
    # The kernel adds to these over the steps of its grid; bfloat16 would be rounded each time.
    summed = jax.ShapeDtypeStruct(query.shape, jnp.float32)
    # Queries' gradients are written once, block by block, and need no sum.
    *gradients, of_tables = pl.pallas_call(
        functools.partial(backward_kernel, shape),
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
    # Segments are integers, whose gradient JAX expects as zeros of float0.
    return (*cast[:3], np.zeros(segment.shape, jax.dtypes.float0), cast[3])


_attention.defvjp(_forward, _backward)
