"""BERT (Devlin et al., 2018), RoBERTa (Liu et al., 2019) and ELECTRA (Clark et al., 2020).

The same encoder: RoBERTa's positions start after its padding's, ELECTRA's embeddings may be
narrower than its layers. CamemBERT and XLM-RoBERTa are RoBERTa under names of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, Int, Key

from pipeline.encoders.attention.dispatch import attend
from pipeline.encoders.config import (
    COUNT,
    LAYERS,
    NOT_NEGATIVE,
    POSITIVE,
    RATE,
    TEXT,
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
    after_attention,
    after_attention_tensors,
    by_head,
    dense,
    dropout,
    layer_norm,
    site_keys,
)
from pipeline.encoders.registry import Architecture, Family, Tensor, embedding, linear, norm
from pipeline.encoders.stack import Kind, layer_tensors, run_layers

_ROBERTA = ("roberta", "camembert", "xlm-roberta")


@dataclass(frozen=True, kw_only=True)
class BertConfig(PostNormConfig):
    """A BERT's config.json; `offset` is the position of a window's first token."""

    embedding_size: int
    type_vocab_size: int
    offset: int


def configure(fields: Mapping[str, Any]) -> BertConfig:
    """Read config.json; raises `UserError` for a variant that is not served."""
    refuse(fields, "position_embedding_type", "absolute", None)
    refuse(fields, "is_decoder", False, None)
    refuse(fields, "add_cross_attention", False, None)
    width, heads = need_heads(fields)
    model_type = need(fields, "model_type", TEXT)
    words, pad = need_vocabulary(fields, 1 if model_type in _ROBERTA else 0)
    # RoBERTa numbers positions from behind its padding's id, so its table has that many rows less
    # for tokens.
    offset = pad + 1 if model_type in _ROBERTA else 0
    table = need(fields, "max_position_embeddings", COUNT)
    if table <= offset:
        raise mismatch("max_position_embeddings", f"more than {offset} (pad_token_id + 1)", table)
    hidden_dropout = need(fields, "hidden_dropout_prob", RATE)
    return BertConfig(
        model_type=model_type,
        vocab_size=words,
        hidden_size=width,
        layers=need(fields, "num_hidden_layers", LAYERS),
        positions=table - offset,
        pad_token_id=pad,
        std=need(fields, "initializer_range", NOT_NEGATIVE),
        head_dropout=need(fields, "classifier_dropout", RATE, hidden_dropout),
        embedding_size=need(fields, "embedding_size", COUNT) if model_type == "electra" else width,
        heads=heads,
        intermediate_size=need(fields, "intermediate_size", COUNT),
        type_vocab_size=need(fields, "type_vocab_size", COUNT),
        offset=offset,
        activation=need(fields, "hidden_act", ACTIVATION),
        epsilon=need(fields, "layer_norm_eps", POSITIVE),
        embedding_dropout=hidden_dropout,
        hidden_dropout=hidden_dropout,
        attention_dropout=need(fields, "attention_probs_dropout_prob", RATE),
    )


class Embeddings(nn.Module):
    """Words, positions and the one token type in use, summed in float32 and normalised."""

    config: BertConfig
    settings: Settings

    @nn.compact
    def __call__(
        self,
        ids: Int[Array, "rows tokens"],
        position: Int[Array, "rows tokens"],
        keys: Key[Array, "rows"] | None,
    ) -> Float[Array, "rows tokens width"]:
        """Embed tokens; a position beyond the config's gives not-a-number, never another."""
        c = self.config

        def table(size: int, name: str) -> nn.Embed:
            initial = nn.initializers.normal(c.std)
            return nn.Embed(size, c.embedding_size, embedding_init=initial, name=name)

        words = table(c.vocab_size, "word")(ids)
        places = table(c.positions + c.offset, "position")(position + c.offset)
        # nn.Embed with a single row, as every RoBERTa has, takes no scalar.
        first_type = table(c.type_vocab_size, "token_type")(jnp.zeros((1,), jnp.int32))
        norm = layer_norm(c.epsilon, self.settings.activations, "norm")
        return dropout(
            norm(words + places + first_type), site_keys(keys, Site.EMBEDDINGS), c.embedding_dropout
        )


class Layer(nn.Module):
    """Self-attention and feed-forward, each with a residual and a norm after it."""

    config: BertConfig
    settings: Settings

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "rows tokens width"],
        index: Int[Array, ""] | int,
        segment: Int[Array, "rows tokens"],
        keys: Key[Array, "rows"] | None,
    ) -> tuple[Float[Array, "rows tokens width"], None]:
        """Apply layer `index`; see `run_layers` for the pair."""
        c = self.config

        def project(name: str) -> Array:
            made = dense(c.hidden_size, c.std, self.settings.activations, name)(hidden)
            return by_head(made, c.heads)

        mixed = attend(
            project("query"),
            project("key"),
            project("value"),
            segment,
            site_keys(keys, Site.ATTENTION, index),
            c.attention_dropout,
            self.settings.attention,
        )
        return after_attention(c, self.settings, hidden, mixed, index, keys), None


class Bert(nn.Module):
    """The encoder."""

    config: BertConfig
    settings: Settings

    @nn.compact
    def __call__(
        self,
        ids: Int[Array, "rows tokens"],
        segment: Int[Array, "rows tokens"],
        position: Int[Array, "rows tokens"],
        keys: Key[Array, "rows"] | None,
    ) -> Float[Array, "rows tokens width"]:
        """Encode packed rows.

        Args:
          ids: tokens.
          segment: a number for each window of a row, 0 for padding.
          position: within the window, from 0.
          keys: a dropout key per row; None is deterministic.
        """
        hidden = Embeddings(self.config, self.settings, name="embeddings")(ids, position, keys)
        if self.config.embedding_size != self.config.hidden_size:
            hidden = dense(
                self.config.hidden_size, self.config.std, self.settings.activations, "projection"
            )(hidden)
        kinds = _kinds(self.config)
        return run_layers(Layer, kinds, self.config, self.settings, hidden, segment, keys)


def _kinds(config: BertConfig) -> list[Kind]:
    """Return the kinds of layers, which are all alike."""
    return [{}] * config.layers


def tensors(config: BertConfig) -> dict[str, Tensor]:
    """Return Hugging Face's names of the encoder's parameters."""
    layer = "encoder.layer.{}"
    one = {
        **linear("query", f"{layer}.attention.self.query"),
        **linear("key", f"{layer}.attention.self.key"),
        **linear("value", f"{layer}.attention.self.value"),
        **after_attention_tensors(layer),
    }
    narrow = config.embedding_size != config.hidden_size
    projection = linear("projection", "embeddings_project") if narrow else {}
    return {
        **embedding("embeddings/word", "embeddings.word_embeddings"),
        **embedding("embeddings/position", "embeddings.position_embeddings"),
        **embedding("embeddings/token_type", "embeddings.token_type_embeddings"),
        **norm("embeddings/norm", "embeddings.LayerNorm"),
        **projection,
        **layer_tensors(_kinds(config), lambda kind: one),
    }


ARCHITECTURE = Architecture(
    configure=configure,
    encoder=Bert,
    families=MappingProxyType(
        {
            "bert": Family("bert.", "BertForTokenClassification"),
            "roberta": Family("roberta.", "RobertaForTokenClassification"),
            "camembert": Family("roberta.", "CamembertForTokenClassification"),
            "xlm-roberta": Family("roberta.", "XLMRobertaForTokenClassification"),
            "electra": Family("electra.", "ElectraForTokenClassification"),
        }
    ),
    tensors=tensors,
    droppable=(
        r"pooler\.dense\.(weight|bias)",
        r"embeddings\.(position_ids|token_type_ids)",
        r"cls\..+",  # masked language model and next sentence
        r"lm_head\..+",
        r"(discriminator|generator)_predictions\..+",
        r"generator_lm_head\..+",
        r"classifier\..+",
    ),
)
