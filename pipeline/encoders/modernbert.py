"""ModernBERT (Warner et al., 2024): rotary positions, local and global attention, gated layers."""

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
    FLAG,
    LAYERS,
    LIST,
    MAPPING,
    NOT_NEGATIVE,
    POSITIVE,
    RATE,
    TEXT,
    Config,
    Settings,
    mismatch,
    need,
    need_heads,
    need_vocabulary,
    refuse,
)
from pipeline.encoders.layers import (
    ACTIVATION,
    Site,
    activation,
    dense,
    dropout,
    layer_norm,
    site_keys,
)
from pipeline.encoders.registry import Architecture, Family, Tensor, embedding, linear, norm
from pipeline.encoders.rotary import Rotation, rotate, rotation
from pipeline.encoders.stack import Kind, layer_tensors, run_layers

_GLOBAL, _LOCAL = "full_attention", "sliding_attention"


@dataclass(frozen=True, kw_only=True)
class ModernBertConfig(Config):
    """A ModernBERT's config.json.

    Attributes:
      local: of each layer, whether its attention is.
      window: how many tokens local attention sees to either side.
      global_theta, local_theta: the bases of the rotary frequencies.
    """

    heads: int
    intermediate_size: int
    local: tuple[bool, ...]
    window: int
    global_theta: float
    local_theta: float
    activation: str
    head_activation: str
    epsilon: float
    norm_bias: bool
    attention_bias: bool
    mlp_bias: bool
    head_bias: bool


def configure(fields: Mapping[str, Any]) -> ModernBertConfig:
    """Read config.json as transformers 5 writes it; raises `UserError` for what is not served."""
    # Rotation turns pairs.
    width, heads = need_heads(fields, even=True)
    words, pad = need_vocabulary(fields)
    return ModernBertConfig(
        model_type=need(fields, "model_type", TEXT),
        vocab_size=words,
        hidden_size=width,
        layers=need(fields, "num_hidden_layers", LAYERS),
        positions=need(fields, "max_position_embeddings", COUNT),
        pad_token_id=pad,
        std=need(fields, "initializer_range", NOT_NEGATIVE),
        embedding_dropout=need(fields, "embedding_dropout", RATE),
        hidden_dropout=need(fields, "mlp_dropout", RATE),
        attention_dropout=need(fields, "attention_dropout", RATE),
        head_dropout=need(fields, "classifier_dropout", RATE),
        heads=heads,
        intermediate_size=need(fields, "intermediate_size", COUNT),
        local=_local(fields),
        # config.json counts the tokens of both sides together.
        window=need(fields, "local_attention", COUNT) // 2,
        global_theta=_theta(fields, _GLOBAL),
        local_theta=_theta(fields, _LOCAL),
        activation=need(fields, "hidden_activation", ACTIVATION),
        head_activation=need(fields, "classifier_activation", ACTIVATION),
        epsilon=need(fields, "norm_eps", POSITIVE),
        norm_bias=need(fields, "norm_bias", FLAG),
        attention_bias=need(fields, "attention_bias", FLAG),
        mlp_bias=need(fields, "mlp_bias", FLAG),
        head_bias=need(fields, "classifier_bias", FLAG),
    )


def _local(fields: Mapping[str, Any]) -> tuple[bool, ...]:
    types, layers = need(fields, "layer_types", LIST), need(fields, "num_hidden_layers", LAYERS)
    if len(types) != layers:
        raise mismatch("layer_types", f"{layers} (num_hidden_layers)", len(types))
    for name in types:
        refuse({"layer_types": name}, "layer_types", _GLOBAL, _LOCAL)
    return tuple(name == _LOCAL for name in types)


def _theta(fields: Mapping[str, Any], layer_type: str) -> float:
    rope = need(need(fields, "rope_parameters", MAPPING), layer_type, MAPPING)
    refuse(rope, "rope_type", "default")
    return need(rope, "rope_theta", POSITIVE)


class Embeddings(nn.Module):
    """Words, normalised; positions come in by rotation."""

    config: ModernBertConfig
    settings: Settings

    @nn.compact
    def __call__(
        self, ids: Int[Array, "rows tokens"], keys: Key[Array, "rows"] | None
    ) -> Float[Array, "rows tokens width"]:
        """Embed tokens."""
        c = self.config
        initial = nn.initializers.normal(c.std)
        words = nn.Embed(c.vocab_size, c.hidden_size, embedding_init=initial, name="word")(ids)
        norm = layer_norm(c.epsilon, self.settings.activations, "norm", c.norm_bias)
        return dropout(norm(words), site_keys(keys, Site.EMBEDDINGS), c.embedding_dropout)


class Attention(nn.Module):
    """Attention of rotated queries and keys, over the whole window or near by."""

    config: ModernBertConfig
    settings: Settings
    local: bool

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "rows tokens width"],
        index: Int[Array, ""] | int,
        segment: Int[Array, "rows tokens"],
        turn: Rotation,
        keys: Key[Array, "rows"] | None,
    ) -> Float[Array, "rows tokens width"]:
        """Attend as layer `index` does."""
        c, dtype = self.config, self.settings.activations
        fused = dense(3 * c.hidden_size, c.std, dtype, "qkv", c.attention_bias)(hidden)
        query, key, value = jnp.moveaxis(
            fused.reshape(*hidden.shape[:2], 3, c.heads, c.hidden_size // c.heads), 2, 0
        )
        mixed = attend(
            rotate(query, turn),
            rotate(key, turn),
            value,
            segment,
            site_keys(keys, Site.ATTENTION, index),
            c.attention_dropout,
            self.settings.attention,
            c.window if self.local else None,
        ).reshape(hidden.shape)
        out = dense(c.hidden_size, c.std, dtype, "output", c.attention_bias)(mixed)
        return dropout(out, site_keys(keys, Site.ATTENTION_OUTPUT, index), c.attention_dropout)


class FeedForward(nn.Module):
    """A gated feed-forward layer (Shazeer, 2020); one product makes what is gated and the gate."""

    config: ModernBertConfig
    settings: Settings

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "rows tokens width"],
        index: Int[Array, ""] | int,
        keys: Key[Array, "rows"] | None,
    ) -> Float[Array, "rows tokens width"]:
        """Apply that of layer `index`."""
        c, dtype = self.config, self.settings.activations
        both = dense(2 * c.intermediate_size, c.std, dtype, "input", c.mlp_bias)(hidden)
        value, gate = jnp.split(both, 2, axis=-1)
        gated = activation(c.activation)(value) * gate
        gated = dropout(gated, site_keys(keys, Site.FEED_FORWARD, index), c.hidden_dropout)
        return dense(c.hidden_size, c.std, dtype, "output", c.mlp_bias)(gated)


class Layer(nn.Module):
    """Attention and feed-forward, each a residual with a norm before it."""

    config: ModernBertConfig
    settings: Settings
    local: bool
    first: bool

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "rows tokens width"],
        index: Int[Array, ""] | int,
        segment: Int[Array, "rows tokens"],
        turns: tuple[Rotation, Rotation],
        keys: Key[Array, "rows"] | None,
    ) -> tuple[Float[Array, "rows tokens width"], None]:
        """Apply layer `index`, with the rotations of global and of local attention."""
        c, dtype = self.config, self.settings.activations

        def normed(name: str) -> Float[Array, "rows tokens width"]:
            return layer_norm(c.epsilon, dtype, name, c.norm_bias)(hidden)

        # The first layer's input comes from the norm of the embeddings, so it needs no other.
        inputs = hidden if self.first else normed("attention_norm")
        attention = Attention(c, self.settings, self.local, name="attention")
        hidden = hidden + attention(inputs, index, segment, turns[self.local], keys)
        feed_forward = FeedForward(c, self.settings, name="feed_forward")
        return hidden + feed_forward(normed("feed_forward_norm"), index, keys), None


class ModernBert(nn.Module):
    """The encoder."""

    config: ModernBertConfig
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
        c = self.config
        hidden = Embeddings(c, self.settings, name="embeddings")(ids, keys)
        thetas = (c.global_theta, c.local_theta)
        turns = tuple(rotation(position, c.hidden_size // c.heads, theta) for theta in thetas)
        hidden = run_layers(Layer, layer_kinds(c), c, self.settings, hidden, segment, turns, keys)
        return layer_norm(c.epsilon, self.settings.activations, "final_norm", c.norm_bias)(hidden)


class Head(nn.Module):
    """The masked language model's transform, which the token classifier goes on from."""

    config: ModernBertConfig
    settings: Settings

    @nn.compact
    def __call__(
        self, hidden: Float[Array, "rows tokens width"]
    ) -> Float[Array, "rows tokens width"]:
        """Transform every token."""
        c, dtype = self.config, self.settings.activations
        hidden = dense(c.hidden_size, c.std, dtype, "dense", c.head_bias)(hidden)
        hidden = activation(c.head_activation)(hidden)
        return layer_norm(c.epsilon, dtype, "norm", c.norm_bias)(hidden)


def layer_kinds(config: ModernBertConfig) -> list[Kind]:
    """Return the kinds of layers, local and global; the first has no norm before its attention."""
    return [{"local": local, "first": not index} for index, local in enumerate(config.local)]


def tensors(config: ModernBertConfig) -> dict[str, Tensor]:
    """Return Hugging Face's names of the encoder's parameters."""
    c, layer = config, "layers.{}"

    def one(kind: Kind) -> dict[str, Tensor]:
        before = {} if kind["first"] else norm("attention_norm", f"{layer}.attn_norm", c.norm_bias)
        return {
            **before,
            **linear("attention/qkv", f"{layer}.attn.Wqkv", c.attention_bias),
            **linear("attention/output", f"{layer}.attn.Wo", c.attention_bias),
            **norm("feed_forward_norm", f"{layer}.mlp_norm", c.norm_bias),
            **linear("feed_forward/input", f"{layer}.mlp.Wi", c.mlp_bias),
            **linear("feed_forward/output", f"{layer}.mlp.Wo", c.mlp_bias),
        }

    return {
        **embedding("embeddings/word", "embeddings.tok_embeddings"),
        **norm("embeddings/norm", "embeddings.norm", c.norm_bias),
        **layer_tensors(layer_kinds(c), one),
        **norm("final_norm", "final_norm", c.norm_bias, layers=c.layers - 1),
    }


def head_tensors(config: ModernBertConfig) -> dict[str, Tensor]:
    """Return Hugging Face's names of the head's parameters."""
    return {
        **linear("dense", "head.dense", config.head_bias),
        **norm("norm", "head.norm", config.norm_bias),
    }


ARCHITECTURE = Architecture(
    configure=configure,
    encoder=ModernBert,
    families=MappingProxyType({"modernbert": Family("model.", "ModernBertForTokenClassification")}),
    tensors=tensors,
    droppable=(r"decoder\.(weight|bias)", r"classifier\..+"),
    head=Head,
    head_tensors=head_tensors,
)
