"""DeBERTa (He et al., 2020), the first version: one projection for query, key and value."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flax import linen as nn
from jaxtyping import Array, Float, Int, Key

from pipeline.encoders.attention.dispatch import attend
from pipeline.encoders.config import Settings
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
    Site,
    add_bias,
    after_attention,
    after_attention_tensors,
    by_head,
    dense,
    site_keys,
)
from pipeline.encoders.registry import Architecture, Family, Tensor, linear
from pipeline.encoders.stack import Kind, layer_tensors


def configure(fields: Mapping[str, Any]) -> DebertaConfig:
    """Read config.json; raises `UserError` for a variant that is not served."""
    return DebertaConfig(**common_fields(fields))


class Bias(nn.Module):
    """A bias alone, under the name by which optimizers know one."""

    @nn.compact
    def __call__(self, x: Float[Array, "*tokens width"]) -> Float[Array, "*tokens width"]:
        """Add it."""
        return add_bias(x, self.param("bias", nn.initializers.zeros, x.shape[-1:]))


class Layer(nn.Module):
    """Disentangled self-attention and feed-forward."""

    config: DebertaConfig
    settings: Settings

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

        def project(features: int, name: str, bias: bool) -> nn.Module:
            return dense(features, c.std, self.settings.activations, name, bias)

        # Each head has its query, key and value side by side.
        fused = by_head(project(3 * c.hidden_size, "fused", False)(hidden), 3 * c.heads)
        query, key, value = (fused[:, :, part::3] for part in range(3))
        table = drop_positions(table, batch_key, index, c.hidden_dropout)
        position_key = project(c.hidden_size, "position_key", False)
        position_query = project(c.hidden_size, "position_query", True)
        relative = relative_terms(
            c,
            position_key(table) if "c2p" in c.terms else None,
            position_query(table) if "p2c" in c.terms else None,
            hidden.shape[1],
        )
        mixed = attend(
            by_head(Bias(name="query")(query.reshape(hidden.shape)), c.heads),
            key,
            by_head(Bias(name="value")(value.reshape(hidden.shape)), c.heads),
            segment,
            site_keys(keys, Site.ATTENTION, index),
            c.attention_dropout,
            self.settings.attention,
            relative=relative,
        )
        return after_attention(c, self.settings, hidden, mixed, index, keys), None


def _kinds(config: DebertaConfig) -> list[Kind]:
    """Return the kinds of layers, which are all alike."""
    return [{}] * config.layers


def tensors(config: DebertaConfig) -> dict[str, Tensor]:
    """Return Hugging Face's names of the encoder's parameters."""
    own = "encoder.layer.{}.attention.self"
    one = {
        **linear("fused", f"{own}.in_proj", bias=False),
        "query/bias": Tensor(f"{own}.q_bias"),
        "value/bias": Tensor(f"{own}.v_bias"),
        **after_attention_tensors("encoder.layer.{}"),
    }
    if "c2p" in config.terms:
        one |= linear("position_key", f"{own}.pos_proj", bias=False)
    if "p2c" in config.terms:
        one |= linear("position_query", f"{own}.pos_q_proj")
    return common_tensors(config) | layer_tensors(_kinds(config), lambda kind: one)


ARCHITECTURE = Architecture(
    configure=configure,
    encoder=lambda config, settings: Encoder(config, settings, Layer, _kinds(config)),
    families=MappingProxyType({"deberta": Family("deberta.", "DebertaForTokenClassification")}),
    tensors=tensors,
    droppable=DROPPABLE,
)
