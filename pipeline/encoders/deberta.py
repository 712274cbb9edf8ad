"""DeBERTa-v2 and -v3 (He et al., 2021)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, Int, Key

from pipeline.encoders import float16
from pipeline.encoders.attention.dispatch import attend
from pipeline.encoders.config import (
    FLAG,
    TEXT,
    UP_TO,
    Settings,
    mismatch,
    need,
    refuse,
)
from pipeline.encoders.deberta_common import (
    DROPPABLE,
    DebertaConfig,
    Encoder,
    common_fields,
    common_tensors,
    drop_positions,
    relative_terms,
)
from pipeline.encoders.layers import (
    ACTIVATION,
    Site,
    activation,
    add_bias,
    after_attention,
    after_attention_tensors,
    by_head,
    dense,
    dropout,
    layer_norm,
    site_keys,
)
from pipeline.encoders.registry import Architecture, Family, Tensor, linear, norm
from pipeline.encoders.stack import Kind, layer_tensors


@dataclass(frozen=True, kw_only=True)
class DebertaV2Config(DebertaConfig):
    """A DeBERTa-v2's or -v3's config.json.

    Attributes:
      share_projections: whether positions go through the projections of content.
      kernel: tokens that the convolution after the first layer sees; 0 for no convolution.
      kernel_activation: of the convolution.
    """

    share_projections: bool
    kernel: int
    kernel_activation: str


def configure(fields: Mapping[str, Any]) -> DebertaV2Config:
    """Read config.json; raises `UserError` for a variant that is not served."""
    refuse(fields, "conv_groups", 1)
    common = common_fields(fields)
    buckets = need(fields, "position_buckets", UP_TO, -1)
    if buckets == 1:
        raise mismatch("position_buckets", "none or at least 2", buckets)
    # With buckets the table's rows are buckets, and `max_relative_positions` says where they end.
    # Without, its rows are distances.
    if buckets > 0:
        if common["span"] <= buckets // 2 + 1:
            raise mismatch(
                "max_relative_positions",
                f"more than {buckets // 2 + 1} (position_buckets // 2 + 1)",
                common["span"],
            )
        common |= {"span": buckets, "longest": common["span"]}
    norm_positions = need(fields, "norm_rel_ebd", TEXT, "none").lower()
    refuse({"norm_rel_ebd": norm_positions}, "norm_rel_ebd", "none", "layer_norm")
    common["norm_positions"] = norm_positions == "layer_norm"
    kernel = max(need(fields, "conv_kernel_size", UP_TO, 0), 0)
    if kernel and kernel % 2 == 0:
        raise mismatch("conv_kernel_size", "an odd number", kernel)
    return DebertaV2Config(
        **common,
        share_projections=need(fields, "share_att_key", FLAG, False),
        kernel=kernel,
        kernel_activation=need(fields, "conv_act", ACTIVATION, "tanh"),
    )


class Layer(nn.Module):
    """Disentangled self-attention and feed-forward; the first may have a convolution beside it."""

    config: DebertaV2Config
    settings: Settings
    convolves: bool = False

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "rows tokens width"],
        index: Int[Array, ""] | int,
        segment: Int[Array, "rows tokens"],
        table: Float[Array, "positions width"],
        keys: Key[Array, "rows"] | None,
        batch_key: Key[Array, ""] | None,
    ) -> tuple[Float[Array, "rows tokens width"], None]:
        """Apply layer `index`; see `run_layers` for the pair."""
        c = self.config

        def project(name: str) -> nn.Module:
            return dense(c.hidden_size, c.std, self.settings.activations, name)

        query, key, value = project("query"), project("key"), project("value")
        shared = c.share_projections
        position_key = key if shared else project("position_key")
        position_query = query if shared else project("position_query")
        table = drop_positions(table, batch_key, index, c.hidden_dropout)
        relative = relative_terms(
            c,
            position_key(table) if "c2p" in c.terms else None,
            position_query(table) if "p2c" in c.terms else None,
            hidden.shape[1],
        )
        mixed = attend(
            by_head(query(hidden), c.heads),
            by_head(key(hidden), c.heads),
            by_head(value(hidden), c.heads),
            segment,
            site_keys(keys, Site.ATTENTION, index),
            c.attention_dropout,
            self.settings.attention,
            relative=relative,
        )
        output = after_attention(c, self.settings, hidden, mixed, index, keys)
        if self.convolves:
            convolution = Convolution(c, self.settings, name="convolution")
            output = convolution(hidden, output, segment, keys)
        return output, None


class Convolution(nn.Module):
    """DeBERTa-v2-xlarge's convolution over the embeddings, added to the first layer's output."""

    config: DebertaV2Config
    settings: Settings

    @nn.compact
    def __call__(
        self,
        embedded: Float[Array, "rows tokens width"],
        output: Float[Array, "rows tokens width"],
        segment: Int[Array, "rows tokens"],
        keys: Key[Array, "rows"] | None,
    ) -> Float[Array, "rows tokens width"]:
        """Convolve within segments: a window sees zeros in place of its neighbours in the row."""
        c, dtype = self.config, self.settings.activations
        shape = (c.kernel, c.hidden_size, c.hidden_size)
        kernel = self.param("kernel", nn.initializers.normal(c.std), shape)
        bias = self.param("bias", nn.initializers.zeros, (c.hidden_size,))
        seen = _neighbours(embedded, segment, c.kernel)
        if seen.dtype == jnp.float16:
            convolved = float16.product(seen, kernel)
        else:
            convolved = jnp.einsum("rtki,kio->rto", seen, kernel.astype(dtype))
        convolved = add_bias(convolved, bias)
        convolved = dropout(convolved, site_keys(keys, Site.CONVOLUTION), c.hidden_dropout)
        change = activation(c.kernel_activation)(convolved)
        return layer_norm(c.epsilon, dtype, "norm")(output + change)


def _neighbours(
    x: Float[Array, "rows tokens width"], segment: Int[Array, "rows tokens"], count: int
) -> Float[Array, "rows tokens {count} width"]:
    """Return each token and those beside it, with zeros for those of other segments."""
    # A plain convolution would mix the tokens at the bounds of packed windows. Segments count from
    # 0, so -1 is none and the places beyond a row are zeros too.
    tokens, reach = x.shape[1], count // 2
    around = jnp.pad(x, ((0, 0), (reach, reach), (0, 0)))
    of = jnp.pad(segment, ((0, 0), (reach, reach)), constant_values=-1)
    own = [
        jnp.where((of[:, k : k + tokens] == segment)[..., None], around[:, k : k + tokens], 0)
        for k in range(count)
    ]
    return jnp.stack(own, axis=2)


def _kinds(config: DebertaV2Config) -> list[Kind]:
    """Return the kinds of layers, alike but for the convolution of the first."""
    first: Kind = {"convolves": True} if config.kernel else {}
    return [first, *[{}] * (config.layers - 1)]


def tensors(config: DebertaV2Config) -> dict[str, Tensor]:
    """Return Hugging Face's names of the encoder's parameters."""
    own = "encoder.layer.{}.attention.self"
    one = {
        **linear("query", f"{own}.query_proj"),
        **linear("key", f"{own}.key_proj"),
        **linear("value", f"{own}.value_proj"),
        **after_attention_tensors("encoder.layer.{}"),
    }
    if not config.share_projections and "c2p" in config.terms:
        one |= linear("position_key", f"{own}.pos_key_proj")
    if not config.share_projections and "p2c" in config.terms:
        one |= linear("position_query", f"{own}.pos_query_proj")
    convolution = {
        **linear("convolution", "encoder.conv.conv"),
        **norm("convolution/norm", "encoder.conv.LayerNorm"),
    }
    return common_tensors(config) | layer_tensors(
        _kinds(config), lambda kind: one | convolution if kind else one
    )


ARCHITECTURE = Architecture(
    configure=configure,
    encoder=lambda config, settings: Encoder(config, settings, Layer, _kinds(config)),
    families=MappingProxyType(
        {"deberta-v2": Family("deberta.", "DebertaV2ForTokenClassification")}
    ),
    tensors=tensors,
    droppable=DROPPABLE,
)
