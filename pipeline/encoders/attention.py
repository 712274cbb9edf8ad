"""Attention within segments: one interface, one reference, one form that is fast on CPUs."""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Key

from pipeline.encoders.layers import drop

_MASKED = -1e30  # finite: a row of nothing but padding then has finite values and gradients


def attend(
    query: Float[Array, "rows tokens heads width"],
    key: Float[Array, "rows tokens heads width"],
    value: Float[Array, "rows tokens heads width"],
    segment: Int[Array, "rows tokens"],
    keys: Key[Array, "rows"] | None,
    rate: float,
    implementation: str,
    window: int | None = None,
) -> Float[Array, "rows tokens heads width"]:
    """Scaled dot-product attention (Vaswani et al., 2017), each token within its own segment.

    Args:
      query: one vector a token and head; likewise `key` and `value`.
      segment: number of each token's segment in its row; padding is a segment (0) like others.
      keys: a dropout key per row, or None for no dropout.
      rate: dropout on the attention weights.
      implementation: a name in `IMPLEMENTATIONS`; all agree, dropout masks to the bit.
      window: how many tokens a token sees to either side at most; None for all of its segment.
    """
    if rate == 0.0:
        keys = None
    return IMPLEMENTATIONS[implementation](query, key, value, segment, keys, rate, window)


def default_attention(platform: str) -> Literal["xla", "blocked"]:
    """The fastest implementation on a platform ("cpu", "gpu", "tpu"), as measured."""
    return "blocked" if platform == "cpu" else "xla"


def weights(
    query: Float[Array, "queries width"],
    key: Float[Array, "tokens width"],
    mask: Bool[Array, "queries tokens"],
) -> Float[Array, "queries tokens"]:
    """Attention weights of one head in float32."""
    scaled = query * query.shape[-1] ** -0.5
    scores = jnp.einsum("qd,kd->qk", scaled, key, preferred_element_type=jnp.float32)
    return jax.nn.softmax(jnp.where(mask, scores, _MASKED), axis=-1)


def visible(segment: Int[Array, "tokens"], window: int | None) -> Bool[Array, "tokens tokens"]:
    """Which tokens (columns) a token (row) sees: those of its segment, within the window.

    A segment's tokens stand side by side, so their distance in the row is that in the segment.
    """
    same = segment[:, None] == segment[None, :]
    if window is None:
        return same
    place = jnp.arange(segment.shape[0])
    return same & (jnp.abs(place[:, None] - place[None, :]) <= window)


def _head(
    query: Float[Array, "tokens width"],
    key: Float[Array, "tokens width"],
    value: Float[Array, "tokens width"],
    segment: Int[Array, "tokens"],
    drop_key: Key[Array, ""] | None,
    rate: float,
    window: int | None,
) -> Float[Array, "tokens width"]:
    """Attention of one head in one row."""
    share = weights(query, key, visible(segment, window))
    if drop_key is not None:
        share = drop(share, drop_key, rate)
    return share.astype(value.dtype) @ value


def _head_keys(keys: Key[Array, "rows"], heads: int) -> Key[Array, "rows {heads}"]:
    return jax.vmap(lambda key: jax.vmap(lambda h: jax.random.fold_in(key, h))(jnp.arange(heads)))(
        keys
    )


def _xla(
    query: Float[Array, "rows tokens heads width"],
    key: Float[Array, "rows tokens heads width"],
    value: Float[Array, "rows tokens heads width"],
    segment: Int[Array, "rows tokens"],
    keys: Key[Array, "rows"] | None,
    rate: float,
    window: int | None,
) -> Float[Array, "rows tokens heads width"]:
    """The reference: every row and head at once, as one batched product."""
    heads = query.shape[2]
    drop_keys = None if keys is None else _head_keys(keys, heads)
    along = None if keys is None else 0

    def head(q: Array, k: Array, v: Array, s: Array, d: Array | None) -> Array:
        return _head(q, k, v, s, d, rate, window)

    by_head = jax.vmap(head, in_axes=(1, 1, 1, None, along), out_axes=1)
    by_row = jax.vmap(by_head, in_axes=(0, 0, 0, 0, along))
    return by_row(query, key, value, segment, drop_keys)


def _blocked(
    query: Float[Array, "rows tokens heads width"],
    key: Float[Array, "rows tokens heads width"],
    value: Float[Array, "rows tokens heads width"],
    segment: Int[Array, "rows tokens"],
    keys: Key[Array, "rows"] | None,
    rate: float,
    window: int | None,
) -> Float[Array, "rows tokens heads width"]:
    """One head of one row after another, recomputed in the backward pass.

    The scores of a single head stay in the cache of a CPU core, which batched products over all
    rows and heads do not.
    """
    rows, tokens, heads, width = query.shape

    def flat(x: Array) -> Array:
        return x.transpose(0, 2, 1, 3).reshape(rows * heads, tokens, width)

    @jax.checkpoint
    def head(block: tuple[Array, ...]) -> Array:
        q, k, v, s, *d = block
        return _head(q, k, v, s, d[0] if d else None, rate, window)

    blocks = (flat(query), flat(key), flat(value), jnp.repeat(segment, heads, axis=0))
    if keys is not None:
        blocks = (*blocks, _head_keys(keys, heads).reshape(-1))
    mixed = lax.map(head, blocks)
    return mixed.reshape(rows, heads, tokens, width).transpose(0, 2, 1, 3)


IMPLEMENTATIONS: dict[str, Callable[..., Array]] = {"xla": _xla, "blocked": _blocked}
