"""A model's predictions fold by fold: the same tokens through the weights of every one."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from pipeline import devices as machine
from pipeline import paths
from pipeline.encoders.weights.folders import OWN_SETTINGS
from pipeline.entries import UNITS, check_entries
from pipeline.files import read_json
from pipeline.inference.predictor import Predictor
from pipeline.inputs.tokens import Tokens, read_tokens
from pipeline.params import Predict
from pipeline.seed_means import seed_means
from pipeline.tables.predictions import Predictions
from pipeline.units import Unit, predicting


class Predicted(NamedTuple):
    """Predictions of a model, and the machine that made them.

    Attributes:
      element_ids: in the order of the tokens' index.
      rows: the probabilities, each element once in each fold.
      by: the folds, in words.
      computed: devices and dtype of the predictions, in words.
      trained: platform and dtype of the folds' training, in words.
    """

    element_ids: list[str]
    rows: Predictions
    by: str
    computed: str
    trained: str


class FoldPredictor:
    """A model's network, ready for the weights of every fold, on what this machine has.

    Folds differ in their weights alone, so one network and one compilation serve them all. Weights
    are read as they are needed: a machine need not hold those of two folds.
    """

    def __init__(
        self, model: str, encoder: str, settings: Predict, trained: Sequence[Unit]
    ) -> None:
        """Build the network; a full fit is one further fold, or stands in the place of all.

        Args:
          model: its name.
          encoder: the name of its network.
          settings: of prediction.
          trained: its units.

        Raises:
          UserError: a fold's weights are missing or belong to no fold of the configuration.
        """
        check_entries(paths.weights(model), UNITS, [unit.name for unit in trained])
        self.model = model
        self.trained = predicting(trained, full_alone=settings.full_alone)
        self.backend = machine.start_best()
        folder = paths.weights(model, self.trained[0])
        self._predictor = Predictor.of_folder(folder, encoder, settings, self.backend)

    @property
    def dtype(self) -> str:
        """The dtype of activations that is computed in at present."""
        return self._predictor.dtype

    @property
    def by(self) -> str:
        """The folds, in words."""
        by = {False: "every fold", True: "full fit"}
        return " and ".join(dict.fromkeys(by[unit.full] for unit in self.trained))

    def predict(self, tokens: Tokens) -> Predictions:
        """Predict each element once in each fold; under several seeds by their mean.

        Raises:
          UserError: a window or the weights do not fit into memory, or a logit is not finite.
        """
        everything = np.arange(len(tokens))

        def predict(unit: Unit) -> Float[np.ndarray, "elements labels"]:
            weights = self._predictor.load(paths.weights(self.model, unit))
            name = f"predict@{self.model} {unit.title}"
            return self._predictor.probabilities(weights, tokens, everything, name)

        folds = dict(seed_means(self.trained, predict))
        ids = tokens.element_ids
        return Predictions(
            ids * len(folds),
            np.repeat(np.array(list(folds)), len(ids)),
            np.concatenate(list(folds.values())),
        )


def predict_folds(
    model: str, encoder: str, settings: Predict, trained: Sequence[Unit], windows: Path
) -> Predicted:
    """Predict essays by each fold of a model, on what this machine has.

    Args:
      model, encoder, settings, trained: as of `FoldPredictor`.
      windows: the folder of the essays' tokens.

    Raises:
      UserError: as of `FoldPredictor`.
    """
    predictor = FoldPredictor(model, encoder, settings, trained)
    tokens = read_tokens(windows)
    rows = predictor.predict(tokens)
    machines = sorted({_trained(paths.weights(model, unit)) for unit in predictor.trained})
    computed = f"{predictor.backend} in {predictor.dtype}"
    return Predicted(tokens.element_ids, rows, predictor.by, computed, " and ".join(machines))


def _trained(folder: Path) -> str:
    """Say what a fold was trained on, as training noted it beside the weights."""
    noted = read_json(folder / OWN_SETTINGS)
    return f"{noted['platform']} in {noted['dtype']}"
