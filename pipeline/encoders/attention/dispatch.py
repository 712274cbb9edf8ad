"""Attention within segments: one interface, one reference, and a fast form for each platform."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Key

from pipeline.encoders.attention.blocked import blocked
from pipeline.encoders.attention.disentangled import Relative, relative_scores, terms
from pipeline.encoders.attention.segment_masks import MASKED, visible
from pipeline.encoders.layers import drop

_OLD_TPUS = ("TPU v2", "TPU v3", "TPU v4")


def attend(
    query: Float[Array, "rows tokens heads width"],
    key: Float[Array, "rows tokens heads width"],
    value: Float[Array, "rows tokens heads width"],
    segment: Int[Array, "rows tokens"],
    keys: Key[Array, "rows"] | None,
    rate: float,
    implementation: str,
    window: int | None = None,
    relative: Relative | None = None,
) -> Float[Array, "rows tokens heads width"]:
    """Scaled dot-product attention (Vaswani et al., 2017), each token within its own segment.

    Args:
      query: one vector a token and head; likewise `key` and `value`.
      segment: number of each token's segment in its row; padding is a segment (0) like others.
      keys: a dropout key per row, or None for no dropout.
      rate: dropout on the attention weights.
      implementation: a name in `IMPLEMENTATIONS`; all agree, dropout masks to the bit. The
        reference takes over where it doesn't serve, see `serving`.
      window: how many tokens a token sees to either side at most; None for all of its segment.
      relative: vectors for DeBERTa's relative terms, which add to the scores and change the scale.
    """
    # No keys, no dropout: then `fused` and `cudnn` can serve too, which can't drop weights.
    if rate == 0.0:
        keys = None
    name = serving(implementation, drops=keys is not None, relative=relative is not None)
    form = IMPLEMENTATIONS[name].form
    return form(query, key, value, segment, keys, rate, window, relative)


def serving(implementation: str, *, drops: bool, relative: bool) -> str:
    """Name the implementation that runs: the one asked for, or the reference in its place.

    Args:
      implementation: a name in `IMPLEMENTATIONS`.
      drops: whether attention weights are dropped.
      relative: whether scores have DeBERTa's relative terms.
    """
    form = IMPLEMENTATIONS[implementation]
    return (
        implementation if (form.drops or not drops) and (form.relative or not relative) else "xla"
    )


def default_attention(platform: str, kind: str, dtype: str) -> str:
    """Name the fastest implementation.

    Args:
      platform: "cpu", "gpu" or "tpu".
      kind: the device's own name of what it is. Before v5e, TPUs lack a turn of the fused kernel.
      dtype: of activations; cuDNN has no attention in float32.
    """
    if platform == "cpu":
        return "blocked"
    if platform == "gpu":
        return "cudnn" if dtype == "bfloat16" else "xla"
    return "xla" if kind.startswith(_OLD_TPUS) else "fused"


def weights(
    query: Float[Array, "queries width"],
    key: Float[Array, "tokens width"],
    mask: Bool[Array, "queries tokens"],
    relative: Relative | None = None,
) -> Float[Array, "queries tokens"]:
    """Return the attention weights of one head in float32."""
    # The scale goes onto vectors, [tokens, width], which is less work than onto [tokens, tokens].
    scale = (query.shape[-1] * (1 + terms(relative))) ** -0.5
    scaled = query * scale
    scores = _scores(scaled, key)
    if relative is not None:
        scores += relative_scores(scaled, key * scale, relative)
    # Softmax sums hundreds of exponentials, of which bfloat16 would lose the small ones.
    return jax.nn.softmax(jnp.where(mask, scores, MASKED), axis=-1)


@jax.custom_vjp
def _scores(
    query: Float[Array, "queries width"], key: Float[Array, "tokens width"]
) -> Float[Array, "queries tokens"]:
    """Return the product of each pair in float32.

    Its gradient is rounded to the dtype of activations before the products that it enters, as in
    flash attention (Dao et al., 2022). Both would else be products of float32, which are slower.
    """
    return jnp.einsum("qd,kd->qk", query, key, preferred_element_type=jnp.float32)


def _scores_forward(query: Array, key: Array) -> tuple[Array, tuple[Array, Array]]:
    return _scores(query, key), (query, key)


def _scores_backward(saved: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    query, key = saved
    gradient = gradient.astype(query.dtype)
    return jnp.einsum("qk,kd->qd", gradient, key), jnp.einsum("qk,qd->kd", gradient, query)


_scores.defvjp(_scores_forward, _scores_backward)


def _head(
    query: Float[Array, "tokens width"],
    key: Float[Array, "tokens width"],
    value: Float[Array, "tokens width"],
    segment: Int[Array, "tokens"],
    drop_key: Key[Array, ""] | None,
    rate: float,
    window: int | None,
    relative: Relative | None,
) -> Float[Array, "tokens width"]:
    """Attend with one head in one row."""
    share = weights(query, key, visible(segment, window), relative)
    if drop_key is not None:
        share = drop(share, drop_key, rate)
    return share.astype(value.dtype) @ value


def _head_keys(keys: Key[Array, "rows"], heads: int) -> Key[Array, "rows {heads}"]:
    # A key for each head, so that a form that takes heads one by one draws just that head's mask.
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
    relative: Relative | None,
) -> Float[Array, "rows tokens heads width"]:
    """Attend by the reference form: every row and head at once, as one batched product."""
    drop_keys = None if keys is None else _head_keys(keys, query.shape[2])

    def head(q: Array, k: Array, v: Array, s: Array, d: Array | None, r: Relative | None) -> Array:
        return _head(q, k, v, s, d, rate, window, r)

    by_head = jax.vmap(head, in_axes=(1, 1, 1, None, 0, 1), out_axes=1)
    by_row = jax.vmap(by_head, in_axes=(0, 0, 0, 0, 0, None))
    return by_row(query, key, value, segment, drop_keys, relative)


def _blocked(
    query: Float[Array, "rows tokens heads width"],
    key: Float[Array, "rows tokens heads width"],
    value: Float[Array, "rows tokens heads width"],
    segment: Int[Array, "rows tokens"],
    keys: Key[Array, "rows"] | None,
    rate: float,
    window: int | None,
    relative: Relative | None,
) -> Float[Array, "rows tokens heads width"]:
    """Attend with one head of one row after another.

    The scores of a single head stay in the cache of a CPU core; those of all rows and heads do
    not. With relative terms heads are the outer loop, so that no row needs a copy of `relative`.
    """
    drop_keys = None if keys is None else _head_keys(keys, query.shape[2])
    if relative is None:
        return blocked(query, key, value, segment, drop_keys, rate, window)
    drop_keys = None if drop_keys is None else drop_keys.T

    def head(block: tuple[Any, ...]) -> Array:
        q, k, v, d, own = block

        # The loops would else keep the scores of every row and head for the backward pass.
        @jax.checkpoint
        def row(block: tuple[Any, ...]) -> Array:
            q, k, v, s, d = block
            return _head(q, k, v, s, d, rate, window, own)

        return lax.map(row, (q, k, v, segment, d))

    def by_head(x: Array) -> Array:
        return x.transpose(2, 0, 1, 3)

    own = jax.tree.map(lambda x: x.swapaxes(0, 1), relative)
    mixed = lax.map(head, (by_head(query), by_head(key), by_head(value), drop_keys, own))
    return mixed.transpose(1, 2, 0, 3)


def _fused(
    query: Float[Array, "rows tokens heads width"],
    key: Float[Array, "rows tokens heads width"],
    value: Float[Array, "rows tokens heads width"],
    segment: Int[Array, "rows tokens"],
    keys: None,
    rate: float,
    window: int | None,
    relative: Relative | None,
) -> Float[Array, "rows tokens heads width"]:
    """Attend by one Pallas kernel, on TPUs."""
    # Here, since Pallas alone takes half a second to import.
    from pipeline.encoders.attention import fused

    return fused.attention(query, key, value, segment, window, relative)


def _cudnn(
    query: Float[Array, "rows tokens heads width"],
    key: Float[Array, "rows tokens heads width"],
    value: Float[Array, "rows tokens heads width"],
    segment: Int[Array, "rows tokens"],
    keys: None,
    rate: float,
    window: int | None,
    relative: None,
) -> Float[Array, "rows tokens heads width"]:
    """Attend by NVIDIA's flash attention, which has no gradient of a bias that differs by row."""
    mask = jax.vmap(visible, (0, None))(segment, window)[:, None]
    return jax.nn.dot_product_attention(query, key, value, mask=mask, implementation="cudnn")


class Implementation(NamedTuple):
    """A form of `attend`, and whether it drops attention weights and has relative terms."""

    form: Callable[..., Array]
    drops: bool
    relative: bool


IMPLEMENTATIONS: dict[str, Implementation] = {
    "xla": Implementation(_xla, drops=True, relative=True),
    "blocked": Implementation(_blocked, drops=True, relative=True),
    "fused": Implementation(_fused, drops=False, relative=True),
    "cudnn": Implementation(_cudnn, drops=False, relative=False),
}
