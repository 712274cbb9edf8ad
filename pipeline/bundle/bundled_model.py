"""One model of a bundle on one store of tokens, under the weights of any of its folds."""

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from pipeline import devices as machine
from pipeline.bundle import contents
from pipeline.inference.predictor import Predictor
from pipeline.inputs.tokens import Tokens
from pipeline.params import Predict


class BundledModel:
    """One model of a bundle, ready to predict with the weights of any fold."""

    def __init__(
        self,
        bundle: Path,
        name: str,
        encoder: str,
        settings: Predict,
        backend: machine.Backend,
        tokens: Tokens,
    ) -> None:
        """Build the model; a row gets as many slots as the fullest window has."""
        self._bundle, self._name, self._tokens = bundle, name, tokens
        # The configuration's slots are those of its own test, and the hidden one may be fuller.
        slots = max(settings.slots, int(tokens.n_slots.max(initial=0)))
        settings = dataclasses.replace(settings, slots=slots)
        folder = contents.model(bundle, name)
        self._predictor = Predictor.of_folder(folder, encoder, settings, backend)

    @property
    def dtype(self) -> str:
        """The dtype of activations; float16 gives way to float32 where a logit is not finite."""
        return self._predictor.dtype

    def predict(
        self, fold: int, windows: Int[np.ndarray, " n"] | None = None
    ) -> Float[np.ndarray, "elements labels"]:
        """Predict under one fold's weights; NaN where a probability is not finite.

        Args:
          fold: whose weights.
          windows: numbers of the tokens' windows; None for all.
        """
        folder = contents.fold(self._bundle, self._name, fold)
        return self._predictor.probabilities(
            self._predictor.load(folder, exact=False),
            self._tokens,
            np.arange(len(self._tokens)) if windows is None else windows,
            f"{self._name} fold {fold}",
            finite=False,
        )
