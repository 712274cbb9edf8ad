"""Attention for CPUs: block by block in a core's cache, without what no token of a block sees.

As in FlashAttention (Dao et al., 2022) the backward pass recomputes a block's weights. It does so
from the largest score of each query and the sum of the exponentials: their logsumexp, one number,
would be rounded where scores are large. Each block of queries meets the stretch of its row that its
segments and its window reach, in whole blocks. There is a branch for each number of blocks, so that
shapes are static. The backward pass holds weights by key first: no product then has a transposed
left side, which XLA leaves to a slow kernel on CPUs.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key

from pipeline.encoders.attention.segment_masks import MASKED, reach, visible
from pipeline.encoders.dropout_masks import GROUP, LEVELS, keep_block, kept

# A block of queries has to begin where a group of the mask begins, to draw its own part alone.
_BLOCK = GROUP  # tokens; a row of another length than a multiple of it is one block


@functools.partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def blocked(
    query: Float[Array, "rows tokens heads width"],
    key: Float[Array, "rows tokens heads width"],
    value: Float[Array, "rows tokens heads width"],
    segment: Int[Array, "rows tokens"],
    drop_keys: Key[Array, "rows heads"] | None,
    rate: float,
    window: int | None,
) -> Float[Array, "rows tokens heads width"]:
    """Attend within segments; see `attend`. `drop_keys` has a key for each head of a row."""
    return _forward(query, key, value, segment, drop_keys, rate, window)[0]


def _forward(
    query: Array, key: Array, value: Array, segment: Array, drop_keys: Any, rate: float, window: Any
) -> tuple[Array, tuple[Any, ...]]:
    """Return the mixed values, and the residuals of the backward pass."""
    scaled = (query * query.shape[-1] ** -0.5).astype(query.dtype)
    by_head = tuple(x.transpose(0, 2, 1, 3) for x in (scaled, key, value))

    def row(inputs: tuple[Any, ...]) -> tuple[Array, Array, Array]:
        q, k, v, segment, keys = inputs
        # All heads of a row share one mask, so it is made once and sliced.
        bias = jnp.where(visible(segment, window), 0.0, MASKED)

        def block(place: _Place) -> tuple[Array, Array, Array]:
            masked = place.own(place.seen(bias, 1), 0)

            def head(inputs: tuple[Any, ...]) -> tuple[Array, Array, Array]:
                q, k, v, key = inputs
                scores = _product(q, k, 1) + masked
                most = scores.max(axis=1)
                share = jnp.exp(scores - most[:, None])
                # Dropout thins what softmax has normalised, so the sum is of all weights.
                total = share.sum(axis=1)
                if key is not None:
                    share = jnp.where(place.keep(key, rate), share, 0.0)
                # The factors go onto [queries, width], which is less work than onto the weights.
                mixed = _product(share.astype(v.dtype), v, 0) * (_lift(key, rate) / total)[:, None]
                return mixed.astype(v.dtype), most, 1.0 / total

            return lax.map(head, (place.own(q, 1), place.seen(k, 1), place.seen(v, 1), keys))

        def step(_: None, at: _At) -> tuple[None, tuple[Array, Array, Array]]:
            return None, _branch(at, segment.shape[0], block)

        mixed, most, over = lax.scan(step, None, _ranges(segment, window))[1]
        mixed = mixed.transpose(1, 0, 2, 3).reshape(q.shape)
        return mixed, most.swapaxes(0, 1), over.swapaxes(0, 1)

    mixed, most, over = lax.map(row, (*by_head, segment, drop_keys))
    return mixed.transpose(0, 2, 1, 3), (*by_head, segment, drop_keys, mixed, most, over)


def _backward(
    rate: float, window: int | None, residuals: tuple[Any, ...], cotangent: Array
) -> tuple[Array | None, ...]:
    """Return the gradients of queries, keys and values."""
    query, key, value, segment, drop_keys, mixed, most, over = residuals
    cotangent = cotangent.transpose(0, 2, 1, 3)
    # The gradient of softmax subtracts the mean of the weights' gradients. That mean is the product
    # of the output with its own gradient, so no pass over the scores is needed for it.
    inner = jnp.sum(cotangent.astype(jnp.float32) * mixed.astype(jnp.float32), axis=-1)
    # Only now, for `mixed` has the factor already.
    cotangent = (cotangent * _lift(drop_keys, rate)).astype(cotangent.dtype)
    own = (query, cotangent, most.reshape(inner.shape), over.reshape(inner.shape), inner)
    seen = (key, value, key.transpose(0, 1, 3, 2))

    def row(inputs: tuple[Any, ...]) -> tuple[Array, Array, Array]:
        (q, g, most, over, inner), (k, v, k_turned), segment, keys = inputs
        bias = jnp.where(visible(segment, window), 0.0, MASKED)

        def block(place: _Place) -> tuple[Array, Array, Array]:
            # Weights stand by key first here. The mask is symmetric, so its slices change axes.
            masked = place.seen(place.own(bias, 1), 0)

            def head(inputs: tuple[Any, ...]) -> tuple[Array, Array, Array]:
                q, g, most, over, inner, k, v, k_turned, key = inputs
                share = jnp.exp(_product(k, q, 1) + masked - most) * over
                slope, dropped = _product(v, g, 1), share
                if key is not None:
                    keep = place.keep(key, rate, transposed=True)
                    slope, dropped = jnp.where(keep, slope, 0.0), jnp.where(keep, share, 0.0)
                slope = (share * (slope - inner)).astype(q.dtype)
                return (
                    # Keys are turned beforehand, so that no product turns its left side.
                    _product(k_turned, slope, 0),
                    _product(slope, q, 0),
                    _product(dropped.astype(g.dtype), g, 0),
                )

            ours = (place.own(x, 1) for x in (q, g, most, over, inner))
            theirs = (place.seen(k, 1), place.seen(v, 1), place.seen(k_turned, 2))
            return lax.map(head, (*ours, *theirs, keys))

        def step(sums: tuple[Array, Array], at: _At) -> tuple[tuple[Array, Array], Array]:
            def add(place: _Place) -> tuple[tuple[Array, Array], Array]:
                of_query, of_key, of_value = block(place)
                return (place.add(sums[0], of_key), place.add(sums[1], of_value)), of_query

            return _branch(at, segment.shape[0], add)

        # Several blocks of queries add to the same keys, so the sums are kept in float32.
        zeros = jnp.zeros(k.shape, jnp.float32)
        (of_key, of_value), of_query = lax.scan(step, (zeros, zeros), _ranges(segment, window))
        return of_query.transpose(1, 0, 3, 2).reshape(q.shape), of_key, of_value

    of_query, of_key, of_value = lax.map(row, (own, seen, segment, drop_keys))
    parts = (of_query * query.shape[-1] ** -0.5, of_key, of_value)
    return *(x.astype(query.dtype).transpose(0, 2, 1, 3) for x in parts), None, None


blocked.defvjp(_forward, _backward)


class _At(NamedTuple):
    """The start of a block of queries, and the first token and the blocks of what it sees."""

    start: Int[Array, "*blocks"]
    first: Int[Array, "*blocks"]
    blocks: Int[Array, "*blocks"]


class _Place(NamedTuple):
    """A block of queries and the stretch of its row that it sees, of static sizes."""

    start: Array
    first: Array
    size: int
    length: int
    tokens: int

    def own(self, x: Array, axis: int) -> Array:
        """Return the part of `x` that belongs to the queries."""
        return lax.dynamic_slice_in_dim(x, self.start, self.size, axis)

    def seen(self, x: Array, axis: int) -> Array:
        """Return the part of `x` that belongs to the tokens that they see."""
        return lax.dynamic_slice_in_dim(x, self.first, self.length, axis)

    def add(self, x: Array, change: Array) -> Array:
        """Add to the part of `x` that belongs to the tokens that they see, along axis 1."""
        return lax.dynamic_update_slice_in_dim(x, self.seen(x, 1) + change, self.first, 1)

    def keep(self, key: Array, rate: float, transposed: bool = False) -> Array:
        """Draw the block's part of the dropout mask of the whole matrix of weights."""
        start, shape = (self.start, self.first), (self.size, self.length)
        return keep_block(key, start, shape, self.tokens, rate, transposed)


def _size(tokens: int) -> int:
    return _BLOCK if tokens % _BLOCK == 0 else tokens


def _ranges(segment: Array, window: int | None) -> _At:
    size = _size(segment.shape[0])
    first, last = (token // size for token in reach(segment, window, size))
    return _At(jnp.arange(0, segment.shape[0], size), first * size, last - first + 1)


def _branch(at: _At, tokens: int, compute: Callable[[_Place], Any]) -> Any:
    """Compute with the size of a block's stretch as a static number."""
    size = _size(tokens)

    def of(count: int) -> Callable[[Array, Array], Any]:
        return lambda start, first: compute(_Place(start, first, size, count * size, tokens))

    # A slice needs a static length, but how far a block sees is known only from the data.
    branches = [of(count) for count in range(1, tokens // size + 1)]
    return lax.switch(at.blocks - 1, branches, at.start, at.first)


def _lift(keys: Any, rate: float) -> float:
    """Return the factor of inverted dropout, the inverse of the share that is really kept."""
    return 1.0 if keys is None else LEVELS / kept(rate)


def _product(left: Array, right: Array, axis: int) -> Array:
    """Contract the left side's last axis with one of the right side's, in float32."""
    axes = (((1,), (axis,)), ((), ()))
    return lax.dot_general(left, right, axes, preferred_element_type=jnp.float32)
