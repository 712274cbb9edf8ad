"""The frozen encoder: a backbone and windows in, the mean hidden states of elements out."""

from pathlib import Path
from typing import Any, cast

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from pipeline.encoders.weights.folders import load_backbone
from pipeline.inference.element_means import ElementMeans

# Of what a backbone does not bring, the classifier, which nothing here reads.
_SEED = 0


class Embedder(ElementMeans):
    """A model's encoder under its backbone's own weights."""

    OUTPUT = "hidden state"

    @property
    def width(self) -> int:
        """The numbers of a hidden state."""
        return self.model.config.hidden_size

    def outputs(
        self,
        params: Any,
        ids: Int[Array, "rows tokens"],
        segment: Int[Array, "rows tokens"],
        position: Int[Array, "rows tokens"],
    ) -> Float[Array, "rows tokens width"]:
        """Compute every token's hidden state after the last layer."""
        hidden = self.model.encoder.apply({"params": params}, ids, segment, position, None)
        return cast(Array, hidden).astype(jnp.float32)

    def load(self, folder: Path) -> Any:
        """Read a backbone's weights and replicate the encoder's.

        Raises:
          UserError: the weights do not fit the model, or not into a device's memory.
        """
        return self.replicate(load_backbone(folder, self.model, _SEED)["encoder"], folder)
