"""The common parts of DeBERTa (He et al., 2020) and DeBERTa-v2 and -v3 (He et al., 2021)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, Int, Key

from pipeline.encoders.attention.disentangled import Relative, expand, table_rows
from pipeline.encoders.config import (
    COUNT,
    FLAG,
    LAYERS,
    NOT_NEGATIVE,
    POSITIVE,
    RATE,
    SIZE,
    TEXT,
    UP_TO,
    Settings,
    mismatch,
    need,
    need_heads,
    need_vocabulary,
    refuse,
)
from pipeline.encoders.layers import (
    ACTIVATION,
    PostNormConfig,
    Site,
    by_head,
    dense,
    dropout,
    layer_norm,
    site_keys,
)
from pipeline.encoders.registry import Tensor, embedding, linear, norm
from pipeline.encoders.stack import Kind, run_layers


@dataclass(frozen=True, kw_only=True)
class DebertaConfig(PostNormConfig):
    """A DeBERTa's config.json.

    Attributes:
      embedding_size: width of the tables; another one than the encoder's is projected to it.
      types: token types, of which the first is in use; 0 for none.
      absolute: whether there is a table of absolute positions too, which bounds the window.
      span: relative positions of either sign.
      longest: of logarithmic buckets; None for a relative position per distance.
      terms: "c2p" (content to position), "p2c" (position to content) or both.
      norm_positions: whether relative positions are normalised.
    """

    relative: ClassVar[bool] = True
    embedding_size: int
    types: int
    absolute: bool
    span: int
    longest: int | None
    terms: frozenset[str]
    norm_positions: bool


def common_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Read the fields that every DeBERTa's config.json has, as arguments of a `DebertaConfig`.

    Raises:
      UserError: a field is missing or mistyped, or the variant is not served.
    """
    refuse(fields, "relative_attention", True)
    refuse(fields, "talking_head", False, None)
    width, heads = need_heads(fields)
    words, pad = need_vocabulary(fields, 0)
    refuse(fields, "attention_head_size", width // heads, None)
    positions = need(fields, "max_position_embeddings", COUNT)
    span = need(fields, "max_relative_positions", UP_TO, -1)
    dropout = need(fields, "hidden_dropout_prob", RATE)
    return {
        "model_type": need(fields, "model_type", TEXT),
        "vocab_size": words,
        "hidden_size": width,
        "embedding_size": need(fields, "embedding_size", COUNT, width),
        "layers": need(fields, "num_hidden_layers", LAYERS),
        "heads": heads,
        "intermediate_size": need(fields, "intermediate_size", COUNT),
        "positions": positions,
        "absolute": need(fields, "position_biased_input", FLAG, True),
        "types": need(fields, "type_vocab_size", SIZE, 0),
        "pad_token_id": pad,
        "span": positions if span < 1 else span,
        "longest": None,
        "terms": _terms(fields),
        "norm_positions": False,
        "activation": need(fields, "hidden_act", ACTIVATION),
        "epsilon": need(fields, "layer_norm_eps", POSITIVE),
        "std": need(fields, "initializer_range", NOT_NEGATIVE),
        "embedding_dropout": dropout,
        "hidden_dropout": dropout,
        "attention_dropout": need(fields, "attention_probs_dropout_prob", RATE),
        "head_dropout": dropout,
    }


def _terms(fields: Mapping[str, Any]) -> frozenset[str]:
    """Read the relative terms, which older configs write as one string."""
    given = fields.get("pos_att_type")
    named = [t.strip() for t in given.lower().split("|")] if isinstance(given, str) else given
    if named not in (["c2p"], ["p2c"], ["c2p", "p2c"], ["p2c", "c2p"]):
        raise mismatch("pos_att_type", "c2p, p2c or both", given)
    return frozenset(named)


class Embeddings(nn.Module):
    """Words, and positions and a token type where there are any, summed and normalised."""

    config: DebertaConfig
    settings: Settings

    @nn.compact
    def __call__(
        self,
        ids: Int[Array, "rows tokens"],
        position: Int[Array, "rows tokens"],
        keys: Key[Array, "rows"] | None,
    ) -> Float[Array, "rows tokens width"]:
        """Embed tokens. Padding is a segment of its own, so it needs no zeros as in torch."""
        c, dtype = self.config, self.settings.activations

        def table(size: int, name: str) -> nn.Embed:
            initial = nn.initializers.normal(c.std)
            return nn.Embed(size, c.embedding_size, embedding_init=initial, name=name)

        summed = table(c.vocab_size, "word")(ids)
        if c.absolute:
            summed += table(c.positions, "position")(position)
        if c.types:
            # nn.Embed with a single row takes no scalar.
            summed += table(c.types, "token_type")(jnp.zeros((1,), jnp.int32))
        if c.embedding_size != c.hidden_size:
            summed = dense(c.hidden_size, c.std, dtype, "projection", bias=False)(summed)
        normal = layer_norm(c.epsilon, dtype, "norm")(summed)
        return dropout(normal, site_keys(keys, Site.EMBEDDINGS), c.embedding_dropout)


class Encoder(nn.Module):
    """Embeddings, the table of relative positions that all layers share, and the layers.

    Attributes:
      layer: called with (hidden, index, segment, table, keys, batch_key).
      kinds: of every layer.
    """

    config: DebertaConfig
    settings: Settings
    layer: type[nn.Module]
    kinds: Sequence[Kind]

    @nn.compact
    def __call__(
        self,
        ids: Int[Array, "rows tokens"],
        segment: Int[Array, "rows tokens"],
        position: Int[Array, "rows tokens"],
        keys: Key[Array, "rows"] | None,
    ) -> Float[Array, "rows tokens width"]:
        """Encode packed rows.

        All rows share one dropout mask of the table, drawn from the random stream "batch".

        Args:
          ids: tokens.
          segment: a number for each window of a row, 0 for padding.
          position: within the window, from 0.
          keys: a dropout key per row; None is deterministic.
        """
        c = self.config
        hidden = Embeddings(c, self.settings, name="embeddings")(ids, position, keys)
        table = self.param("relative", nn.initializers.normal(c.std), (2 * c.span, c.hidden_size))
        table = jnp.asarray(table, self.settings.activations)
        if c.norm_positions:
            table = layer_norm(c.epsilon, self.settings.activations, "relative_norm")(table)
        batch_key = None if keys is None or not c.hidden_dropout else self.make_rng("batch")
        shared = (segment, table, keys, batch_key)
        return run_layers(self.layer, self.kinds, c, self.settings, hidden, *shared)


def drop_positions(
    table: Float[Array, "positions width"],
    batch_key: Key[Array, ""] | None,
    index: Int[Array, ""] | int,
    rate: float,
) -> Float[Array, "positions width"]:
    """Apply the dropout of layer `index` to relative positions, alike for all rows."""
    # All rows share one table. A mask for each row would need a projected table for each row.
    keys = None if batch_key is None else batch_key[None]
    return dropout(table[None], site_keys(keys, Site.POSITIONS, index), rate)[0]


def relative_terms(
    config: DebertaConfig,
    keys: Float[Array, "positions width"] | None,
    queries: Float[Array, "positions width"] | None,
    tokens: int,
) -> Relative:
    """Arrange projected relative positions as attention takes them, for rows of `tokens` tokens."""
    rows = table_rows(tokens, config.span, config.longest)

    # Expanded after the projection: one product for the table's rows, not one for each distance.
    def expanded(projected: Array | None) -> Array | None:
        return None if projected is None else expand(by_head(projected, config.heads), rows)

    return Relative(expanded(keys), expanded(queries))


def common_tensors(config: DebertaConfig) -> dict[str, Tensor]:
    """Return Hugging Face's names of all parameters below the layers."""
    names = {
        **embedding("embeddings/word", "embeddings.word_embeddings"),
        **norm("embeddings/norm", "embeddings.LayerNorm"),
        "relative": Tensor("encoder.rel_embeddings.weight"),
    }
    if config.absolute:
        names |= embedding("embeddings/position", "embeddings.position_embeddings")
    if config.types:
        names |= embedding("embeddings/token_type", "embeddings.token_type_embeddings")
    if config.embedding_size != config.hidden_size:
        names |= linear("embeddings/projection", "embeddings.embed_proj", bias=False)
    if config.norm_positions:
        names |= norm("relative_norm", "encoder.LayerNorm")
    return names


DROPPABLE = (
    r"pooler\.dense\.(weight|bias)",
    r"embeddings\.position_ids",
    r"embeddings\.position_embeddings\.weight",  # in checkpoints whose config has no use for it
    r"(cls|lm_predictions|mask_predictions)\..+",
    r"classifier\..+",
)
