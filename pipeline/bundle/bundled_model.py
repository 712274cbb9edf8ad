"""One model of a bundle on one store of tokens, under the weights of any of its folds."""

import dataclasses
import math
import time
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float, Int

from pipeline import devices as machine
from pipeline.bundle import contents
from pipeline.bundle.forecast import Pace
from pipeline.bundle.pace import count_rows, full_steps
from pipeline.inference.predictor import Predictor
from pipeline.inputs.tokens import Tokens
from pipeline.params import Predict
from pipeline.units import Unit

# Seconds of steps that are timed together, and their number at most.
_TIMED = 2.0
_STEPS = 32


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
    def n_rows(self) -> int:
        """The rows that all windows take."""
        return count_rows(self._tokens, self._predictor.rows)

    @property
    def dtype(self) -> str:
        """The dtype of activations; float16 gives way to float32 where a logit is not finite."""
        return self._predictor.dtype

    def predict(
        self, unit: Unit, windows: Int[np.ndarray, " n"] | None = None
    ) -> Float[np.ndarray, "elements labels"]:
        """Predict under one fold's weights; NaN where a probability is not finite.

        Args:
          unit: whose weights.
          windows: numbers of the tokens' windows; None for all.
        """
        folder = contents.fold(self._bundle, self._name, unit)
        return self._predictor.probabilities(
            self._predictor.load(folder, exact=False),
            self._tokens,
            np.arange(len(self._tokens)) if windows is None else windows,
            f"{self._name} {unit.title}",
            finite=False,
        )

    def pace(self, unit: Unit) -> Pace:
        """Time full steps under a fold's weights, after one that compiles them.

        A slow step is timed once. Quick ones are timed together, as they follow each other in a
        run, for alone one would be charged with what surrounds it.
        """
        self.predict(unit, full_steps(self._tokens, self._predictor.rows, 1))
        # Only now are the rows those that the memory has room for.
        rows, started = self._predictor.rows, time.perf_counter()
        weights = self._predictor.load(contents.fold(self._bundle, self._name, unit), exact=False)
        weights = jax.block_until_ready(weights)
        load = time.perf_counter() - started

        def step(steps: int) -> float:
            windows = full_steps(self._tokens, rows, steps)
            started = time.perf_counter()
            name = f"{self._name}, timing"
            self._predictor.probabilities(weights, self._tokens, windows, name, finite=False)
            return (time.perf_counter() - started) / steps

        alone = step(1)
        steps = min(_STEPS, math.ceil(_TIMED / alone))
        return Pace(load, step(steps) if steps > 1 else alone, rows.per_step)
