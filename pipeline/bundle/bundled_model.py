"""A bundled model's folds on the tokens of the hidden test; all folds share one compilation."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from pipeline import devices as machine
from pipeline.bundle import contents
from pipeline.encoders.attention.dispatch import default_attention
from pipeline.encoders.config import Settings
from pipeline.encoders.head import build
from pipeline.encoders.weights.folders import load_fold
from pipeline.inference.predict import predict, predict_step
from pipeline.inputs.tokens import Tokens
from pipeline.params import Compute, Rows


class BundledModel:
    """One model of a bundle, ready to predict with the weights of any fold."""

    def __init__(
        self,
        bundle: Path,
        name: str,
        encoder: str,
        rows: Rows,
        compute: Compute,
        devices: Sequence[machine.Device],
        tokens: Tokens,
    ) -> None:
        """Build the model; rows are fitted to the devices and to the fullest window."""
        self._bundle, self._name, self._devices, self._tokens = bundle, name, devices, tokens
        attention = default_attention(compute.platform, devices[0].device_kind, compute.dtype)
        settings = Settings(dtype=compute.dtype, attention=attention)
        self._model = build(contents.model(bundle, name), encoder, settings)
        self._step = predict_step(self._model, devices)
        self._rows = fitting(rows, len(devices), int(tokens.n_slots.max(initial=0)))

    def predict(
        self, fold: int, windows: Int[np.ndarray, " n"] | None = None
    ) -> Float[np.ndarray, "elements labels"]:
        """Predict under one fold's weights; NaN where a probability is not finite.

        Args:
          fold: whose weights.
          windows: which of the tokens' windows; None for all.
        """
        weights = load_fold(contents.fold(self._bundle, self._name, fold), self._model, exact=False)
        return predict(
            self._step,
            machine.replicate(weights, self._devices),
            self._tokens,
            np.arange(len(self._tokens)) if windows is None else windows,
            self._rows,
            self._devices,
            self._model.config.pad_token_id,
            f"{self._name} fold {fold}",
            finite=False,
        )


def fitting(rows: Rows, devices: int, fullest: int) -> Rows:
    """Round the configuration's rows up to a multiple of the devices; give slots for any window."""
    per_step = -(-rows.per_step // devices) * devices
    return dataclasses.replace(rows, per_step=per_step, slots=max(rows.slots, fullest))
