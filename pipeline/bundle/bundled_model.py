"""One network of a bundle on one store of tokens: what all have in common, and a model's folds."""

import dataclasses
import math
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from pipeline import devices as machine
from pipeline.bundle import contents
from pipeline.bundle.forecast import Pace
from pipeline.bundle.pace import count_rows, full_steps
from pipeline.inference.element_means import ElementMeans
from pipeline.inference.predictor import Predictor
from pipeline.inputs.tokens import Tokens
from pipeline.params import Predict
from pipeline.units import Unit

# Seconds of steps that are timed together, and their number at most.
_TIMED = 2.0
_STEPS = 32


class Bundled(ABC):
    """A network of a bundle on a test's tokens."""

    def __init__(self, name: str, network: ElementMeans, tokens: Tokens) -> None:
        self._name, self._network, self._tokens = name, network, tokens

    @property
    def n_rows(self) -> int:
        """The rows that all windows take."""
        return count_rows(self._tokens, self._network.rows)

    @property
    def dtype(self) -> str:
        """The dtype of activations; float16 gives way to float32 where one is too large."""
        return self._network.dtype

    @abstractmethod
    def load(self, unit: Unit) -> Any:
        """Read the weights of a unit onto the devices."""

    @abstractmethod
    def predict(self, unit: Unit) -> Float[np.ndarray, "elements labels"]:
        """Predict under a unit's weights; NaN where a number is not finite."""

    def pace(self, unit: Unit) -> Pace:
        """Time full steps under a unit's weights, after one that compiles them.

        A slow step is timed once. Quick ones are timed together, as they follow each other in a
        run, for alone one would be charged with what surrounds it.
        """
        self._run(self.load(unit), full_steps(self._tokens, self._network.rows, 1))
        # Only now are the rows those that the memory has room for.
        rows, started = self._network.rows, time.perf_counter()
        weights = jax.block_until_ready(self.load(unit))
        load = time.perf_counter() - started

        def step(steps: int) -> float:
            windows = full_steps(self._tokens, rows, steps)
            started = time.perf_counter()
            self._run(weights, windows)
            return (time.perf_counter() - started) / steps

        alone = step(1)
        steps = min(_STEPS, math.ceil(_TIMED / alone))
        return Pace(load, step(steps) if steps > 1 else alone, rows.per_step)

    def _run(self, weights: Any, windows: Int[np.ndarray, " n"]) -> None:
        self._network.means(weights, self._tokens, windows, f"{self._name}, timing", finite=False)


class BundledModel(Bundled):
    """One model of a bundle, ready to predict with the weights of any fold."""

    _network: Predictor

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
        self._bundle, settings = bundle, roomier(settings, tokens)
        folder = contents.model(bundle, name)
        super().__init__(name, Predictor.of_folder(folder, encoder, settings, backend), tokens)

    def load(self, unit: Unit) -> Any:
        """Read the weights of a fold or a full fit."""
        folder = contents.fold(self._bundle, self._name, unit)
        return self._network.load(folder, exact=False)

    def predict(
        self, unit: Unit, windows: Int[np.ndarray, " n"] | None = None
    ) -> Float[np.ndarray, "elements labels"]:
        """Predict under one fold's weights; NaN where a probability is not finite.

        Args:
          unit: whose weights.
          windows: numbers of the tokens' windows; None for all.
        """
        return self._network.probabilities(
            self.load(unit),
            self._tokens,
            np.arange(len(self._tokens)) if windows is None else windows,
            f"{self._name} {unit.title}",
            finite=False,
        )


def roomier(settings: Predict, tokens: Tokens) -> Predict:
    """Give a row as many slots as the fullest window has.

    The configuration's slots are those of its own test, and the hidden one may be fuller.
    """
    slots = max(settings.slots, int(tokens.n_slots.max(initial=0)))
    return dataclasses.replace(settings, slots=slots)
