"""Layers whose norms stand behind their residuals, from attention on: BERT's and DeBERTa's."""

from dataclasses import dataclass

from jaxtyping import Array, Float, Int, Key

from pipeline.encoders.config import Config, Settings
from pipeline.encoders.layers import Site, activation, dense, dropout, layer_norm, site_keys
from pipeline.encoders.registry import Tensor, linear, norm


@dataclass(frozen=True, kw_only=True)
class PostNormConfig(Config):
    """The fields of config.json that such a layer reads."""

    heads: int
    intermediate_size: int
    activation: str
    epsilon: float


def by_head(x: Float[Array, "*tokens width"], heads: int) -> Float[Array, "*tokens {heads} own"]:
    """Split vectors into those of the heads."""
    return x.reshape(*x.shape[:-1], heads, -1)


def after_attention(
    config: PostNormConfig,
    settings: Settings,
    hidden: Float[Array, "rows tokens width"],
    mixed: Float[Array, "rows tokens heads own"],
    index: Int[Array, ""] | int,
    keys: Key[Array, "rows"] | None,
) -> Float[Array, "rows tokens width"]:
    """Apply attention's output and the feed-forward network, each with a residual and a norm.

    Its modules become those of the layer in whose `compact` method it is called.

    Args:
      config, settings: of the encoder.
      hidden: the input of the layer.
      mixed: the output of its attention.
      index: the layer's number, for dropout.
      keys: a dropout key per row; None is deterministic.
    """
    dtype = settings.activations

    def add(x: Array, change: Array, site: Site, name: str) -> Array:
        change = dropout(change, site_keys(keys, site, index), config.hidden_dropout)
        return layer_norm(config.epsilon, dtype, name)(x + change)

    attended = dense(config.hidden_size, config.std, dtype, "attention_output")(
        mixed.reshape(hidden.shape)
    )
    hidden = add(hidden, attended, Site.ATTENTION_OUTPUT, "attention_norm")
    inner = dense(config.intermediate_size, config.std, dtype, "intermediate")(hidden)
    inner = activation(config.activation)(inner)
    output = dense(config.hidden_size, config.std, dtype, "output")(inner)
    return add(hidden, output, Site.OUTPUT, "output_norm")


def after_attention_tensors(layer: str) -> dict[str, Tensor]:
    """Return the tensors of `after_attention`, below Hugging Face's name of a layer."""
    return {
        **linear("attention_output", f"{layer}.attention.output.dense"),
        **norm("attention_norm", f"{layer}.attention.output.LayerNorm"),
        **linear("intermediate", f"{layer}.intermediate.dense"),
        **linear("output", f"{layer}.output.dense"),
        **norm("output_norm", f"{layer}.output.LayerNorm"),
    }
