"""The token classifier as Hugging Face's own is, and the elements' logits from its tokens'.

An encoder, its head, dropout and a linear layer give each token's logits. Those of an element are
the mean over its own tokens.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, Int, Key

from pipeline.encoders.catalogue import check_served
from pipeline.encoders.config import Config, Settings
from pipeline.encoders.layers import Site, dense, dropout, site_keys
from pipeline.encoders.registry import architecture
from pipeline.errors import UserError
from pipeline.files import read_json


class TokenClassifier(nn.Module):
    """Logits for every token.

    Attributes:
      encoder: module of the architecture; its parameters stand under "encoder".
      name_of_encoder: its name in the registry, for reading and writing weights.
      config: that of config.json, with the run's dropout rates.
      head: the module between encoder and dropout, if the architecture has one; its parameters
        stand under "head".
      n_labels: the number of classes.
    """

    encoder: nn.Module
    name_of_encoder: str
    config: Config
    head: nn.Module | None
    n_labels: int

    @nn.compact
    def __call__(
        self,
        ids: Int[Array, "rows tokens"],
        segment: Int[Array, "rows tokens"],
        position: Int[Array, "rows tokens"],
        keys: Key[Array, "rows"] | None,
    ) -> Float[Array, "rows tokens labels"]:
        """Classify the tokens of packed rows.

        Args:
          ids: tokens.
          segment: a number for each window of a row, 0 for padding.
          position: within the window, from 0.
          keys: a dropout key per row; None is deterministic. What an encoder drops for all rows
            alike it draws from the random stream "batch", which goes with them.

        Returns:
          float32 logits whatever the dtype of activations.
        """
        hidden = self.encoder(ids, segment, position, keys)
        hidden = hidden if self.head is None else self.head(hidden)
        # The classifier is so narrow that float32 costs little, and the loss gets unrounded logits.
        hidden = hidden.astype(jnp.float32)
        hidden = dropout(hidden, site_keys(keys, Site.HEAD), self.config.head_dropout)
        return dense(self.n_labels, self.config.std, jnp.float32, "classifier")(hidden)


def build(folder: Path, encoder: str, settings: Settings) -> TokenClassifier:
    """Build the model of a backbone's or an exported fold's config.json.

    Args:
      folder: holds config.json.
      encoder: a name in the registry.
      settings: choices of the run.

    Raises:
      UserError: the encoder does not serve this config, or the config names no classes.
    """
    path = folder / "config.json"
    fields = read_json(path)
    offered = architecture(encoder)
    check_served(encoder, fields.get("model_type"), path)
    config = _with_rates(offered.read_config(fields, path), settings)
    head = None if offered.head is None else offered.head(config, settings)
    n_labels = len(_names(fields, path))
    return TokenClassifier(offered.encoder(config, settings), encoder, config, head, n_labels)


def name_classes(labels: Sequence[str]) -> dict[str, Any]:
    """Return the fields of config.json that name the classes, as Hugging Face has them."""
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _names(fields: Mapping[str, Any], path: Path) -> Mapping[str, str]:
    named = fields.get("id2label")
    if not isinstance(named, dict) or not named:
        raise UserError(f"{path}: id2label: expected the names of the classes, found {named!r}")
    return named


def _with_rates(config: Config, settings: Settings) -> Config:
    """Replace the checkpoint's dropout rates by those that the run names."""
    rates = {
        "embedding_dropout": settings.hidden_dropout,
        "hidden_dropout": settings.hidden_dropout,
        "attention_dropout": settings.attention_dropout,
        "head_dropout": settings.head_dropout,
    }
    named = {name: rate for name, rate in rates.items() if rate is not None}
    return dataclasses.replace(config, **named)


def slot_sums(
    logits: Float[Array, "rows tokens labels"],
    slot: Int[Array | np.ndarray, "rows tokens"],
    slots: int,
) -> tuple[Float[Array, "rows {slots} labels"], Float[Array, "rows {slots}"]]:
    """Sum token logits by slot and count the tokens.

    Args:
      logits: float32.
      slot: the slot of each token, -1 for a token of none.
      slots: how many slots a row has.

    Returns:
      The sums, and the counts (0 for a slot that is not used).
    """
    member = jax.nn.one_hot(slot, slots, dtype=logits.dtype)  # of -1: all zeros
    # A product with zeros and ones, for TPUs are slow at scattered sums. At the highest precision,
    # or a TPU would round the logits to bfloat16.
    sums = jnp.einsum("rts,rtl->rsl", member, logits, precision=jax.lax.Precision.HIGHEST)
    return sums, member.sum(axis=1)


def slot_means(
    logits: Float[Array, "rows tokens labels"],
    slot: Int[Array | np.ndarray, "rows tokens"],
    slots: int,
) -> Float[Array, "rows {slots} labels"]:
    """Average the token logits of each slot; zero for a slot that is not used."""
    sums, counts = slot_sums(logits, slot, slots)
    return sums / jnp.maximum(counts, 1.0)[..., None]
