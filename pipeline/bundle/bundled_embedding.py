"""A frozen encoder of a bundle, and the regressions on its vectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from pipeline import devices as machine
from pipeline.bundle import contents
from pipeline.bundle.bundled_model import Bundled, roomier
from pipeline.inference.embedder import Embedder
from pipeline.inputs.tokens import Tokens
from pipeline.members.embedding_fits import Fit
from pipeline.members.embeddings import predict
from pipeline.members.features import Measures
from pipeline.members.vectors import vectors
from pipeline.params import Predict
from pipeline.units import NO_FOLD, Unit


class _Pass(Unit):
    """The one pass of a frozen encoder, which serves the regressions of all folds."""

    @property
    def title(self) -> str:
        """The name in messages."""
        return "pass"


PASS = _Pass(NO_FOLD)
"""The only unit of such a member."""


class BundledEmbedding(Bundled):
    """A member of a frozen encoder's embeddings: one pass, the mean of every fold's regression."""

    _network: Embedder

    def __init__(
        self,
        bundle: Path,
        name: str,
        model: str,
        encoder: str,
        settings: Predict,
        backend: machine.Backend,
        tokens: Tokens,
        measured: Measures,
        fits: Sequence[Fit],
    ) -> None:
        """Build the encoder of `model`; `fits` are of the folds."""
        self._frozen = contents.frozen(bundle, model)
        self._measured, self._fits = measured, fits
        settings, folder = roomier(settings, tokens), contents.model(bundle, model)
        super().__init__(name, Embedder.of_folder(folder, encoder, settings, backend), tokens)

    def load(self, unit: Unit) -> Any:
        """Read the frozen weights, which every unit has."""
        return self._network.load(self._frozen)

    def predict(self, unit: Unit) -> Float[np.ndarray, "elements labels"]:
        """Predict by every fold; NaN where a hidden state of the essay is not finite."""
        windows = np.arange(len(self._tokens))
        means = self._network.means(
            self.load(unit), self._tokens, windows, self._name, finite=False
        )
        seen = vectors(means, self._measured.essay)
        with threadpool_limits(1):  # as the stage does, whose last bits depend on it
            return np.mean([predict(fit, self._measured, seen) for fit in self._fits], axis=0)
