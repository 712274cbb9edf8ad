"""DeBERTa's relative attention (He et al., 2020 and 2021) as pure functions, without gathers.

A score has up to three parts, with d = i - j the distance of token i from token j in their row:

    q_i . k_j + q_i . K[d] + Q[d] . k_j     (content to content, to position, position to content)

Tokens of a segment are contiguous in a packed row, so d is also the difference of their positions.
Scores between segments are masked, so a row may be longer than any table.

A gather per (i, j) is what TPUs do worst. K and Q depend on d alone, so they are expanded to one
vector for each of a row's 2T - 1 distances, a product gives each block of B tokens its scores at
the T + B - 1 distances that it reaches, and a skew (pad, reshape, slice) moves those to B x T:

    a relative term, by head and row   2 T (T + B - 1) w FLOPs, T (T + B - 1) floats moved once more
    content to content, likewise       2 T^2 w FLOPs
    expanding, by head and layer       2 (2T - 1) b w FLOPs a term, whatever the number of rows

with w the head's width and b the rows of the table. In one block, half of the products would be
of distances that reach beyond the row. The other order, the product with the table's b rows first
(2 T b w) and its expansion by a constant matrix after, would cost 2 T b (2T - 1), b / w times as
much as one block (8 with 512 rows and width 64), or a gather.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

_BLOCK = 128  # tokens; a row of another length than a multiple of it is one block


class Relative(NamedTuple):
    """A vector for each distance and head; entry m is of the distance m - (tokens - 1).

    Without the axis of heads it is that of one head.

    Attributes:
      keys: what a query meets (content to position), [2 tokens - 1, heads, width], or None.
      queries: what a key meets (position to content), likewise.
    """

    keys: Array | None
    queries: Array | None


def log_buckets(
    distance: Int[np.ndarray, "..."], buckets: int, longest: int
) -> Int[np.ndarray, "..."]:
    """DeBERTa-v2's buckets: exact up to half their number, then of logarithmic width.

    Args:
      distance: in tokens, of either sign.
      buckets: `position_buckets`, the buckets of one sign.
      longest: `max_relative_positions`, behind the last distance that falls into them; longer
        ones go on into further buckets.

    Returns:
      The bucket, of the distance's sign; computed in float32, as the original does.
    """
    # The original works in float32, and a logarithm of another precision may round up to another
    # bucket.
    half = buckets // 2
    far = np.maximum(np.abs(distance), half).astype(np.float32)
    share = np.log(far / np.float32(half)) / np.log(np.float32((longest - 1) / half))
    bucket = np.ceil(share * np.float32(half - 1)).astype(np.int64) + half
    return np.where(np.abs(distance) <= half, distance, np.sign(distance) * bucket)


def table_rows(tokens: int, span: int, longest: int | None) -> Int[np.ndarray, "distances"]:
    """Return the row of a table of 2 `span` relative positions for each distance in a row.

    Args:
      tokens: of a row; the distances are those from -(tokens - 1) to tokens - 1.
      span: rows of the table for either sign; distances beyond take the outermost row.
      longest: of logarithmic buckets (see `log_buckets`), or None for a row per distance.
    """
    # Numpy, not JAX: the rows depend on shapes alone and are constants of the compiled program.
    distance = np.arange(1 - tokens, tokens)
    if longest is not None:
        distance = log_buckets(distance, span, longest)
    return np.clip(distance + span, 0, 2 * span - 1)


def expand(
    table: Float[Array, "positions heads width"], rows: Int[np.ndarray, "distances"]
) -> Float[Array, "distances heads width"]:
    """Take constant rows of a table by a product with zeros and ones, exact in every dtype.

    Its gradient is a product too, where that of a take would be a scatter.
    """
    chosen = jax.nn.one_hot(rows, len(table), dtype=table.dtype)
    return jnp.einsum("dp,phw->dhw", chosen, table, precision=lax.Precision.HIGHEST)


def terms(relative: Relative | None) -> int:
    """Count the relative terms of a score, on which its scale depends."""
    return 0 if relative is None else sum(part is not None for part in relative)


def relative_scores(
    query: Float[Array, "tokens width"], key: Float[Array, "tokens width"], relative: Relative
) -> Float[Array, "tokens tokens"]:
    """Return the relative terms of one head's scores, in float32.

    Args:
      query: of each token, scaled; likewise `key`.
      relative: of this head, [2 tokens - 1, width] each.
    """
    scores = jnp.zeros((), jnp.float32)
    # Along a query's row the distance i - j falls, so keys are taken in reverse. Along a key's row
    # it grows; that product has keys as rows and is turned.
    if relative.keys is not None:
        scores += _by_pair(query, relative.keys[::-1])
    if relative.queries is not None:
        scores += _by_pair(key, relative.queries).T
    return scores


def _by_pair(
    content: Float[Array, "tokens width"], position: Float[Array, "distances width"]
) -> Float[Array, "tokens tokens"]:
    """Return at [i, j], in float32, token i times entry T - 1 - i + j of `position`."""
    tokens, width = content.shape
    block = _BLOCK if tokens % _BLOCK == 0 else tokens
    # A later block reaches distances that stand earlier in the table.
    ends = range(2 * tokens - 1, tokens - 1, -block)
    reached = jnp.stack([position[end - tokens - block + 1 : end] for end in ends])
    own = content.reshape(-1, block, width)
    products = jnp.einsum("btw,bdw->btd", own, reached, preferred_element_type=jnp.float32)
    return jax.vmap(skew)(products).reshape(tokens, tokens)


def skew(products: Float[Array, "tokens distances"]) -> Float[Array, "tokens others"]:
    """Shift row i of [B, T + B - 1] so that column j of T comes from column B - 1 - i + j.

    As in the Music Transformer (Huang et al., 2018): rows of T + B entries are read as rows of
    T + B - 1, so that each starts one entry later than the one before. No entry is looked up.
    """
    tokens, distances = products.shape
    # The padding makes the rows one entry longer; reading them at their old length does the rest.
    flat = jnp.pad(products, ((0, 0), (0, 1))).reshape(-1)
    shifted = flat[tokens - 1 :][: tokens * distances].reshape(tokens, distances)
    return shifted[:, : distances - tokens + 1]
