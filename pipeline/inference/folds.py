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
from pipeline.inputs.tokens import read_tokens
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


def predict_folds(
    model: str, encoder: str, settings: Predict, trained: Sequence[Unit], windows: Path
) -> Predicted:
    """Predict essays by each fold of a model, on what this machine has.

    Under several seeds a fold's prediction is their mean. A full fit is one further fold, or stands
    in the place of all.

    Args:
      model: its name.
      encoder: the name of its network.
      settings: of prediction.
      trained: its units.
      windows: the folder of the essays' tokens.

    Raises:
      UserError: a fold's weights are missing or belong to no fold of the configuration.
    """
    check_entries(paths.weights(model), UNITS, [unit.name for unit in trained])
    trained = predicting(trained, full_alone=settings.full_alone)
    backend = machine.start_best()
    tokens = read_tokens(windows)
    # Folds differ in their weights alone, so one model serves them all.
    predictor = Predictor.of_folder(paths.weights(model, trained[0]), encoder, settings, backend)
    everything = np.arange(len(tokens))

    def predict(unit: Unit) -> Float[np.ndarray, "elements labels"]:
        weights = predictor.load(paths.weights(model, unit))
        name = f"predict@{model} {unit.title}"
        return predictor.probabilities(weights, tokens, everything, name)

    folds = dict(seed_means(trained, predict))
    ids = tokens.element_ids
    rows = Predictions(
        ids * len(folds),
        np.repeat(np.array(list(folds)), len(ids)),
        np.concatenate(list(folds.values())),
    )
    machines = sorted({_trained(paths.weights(model, unit)) for unit in trained})
    computed = f"{backend} in {predictor.dtype}"
    by = {False: "every fold", True: "full fit"}
    told = " and ".join(dict.fromkeys(by[unit.full] for unit in trained))
    return Predicted(ids, rows, told, computed, " and ".join(machines))


def _trained(folder: Path) -> str:
    """Say what a fold was trained on, as training noted it beside the weights."""
    noted = read_json(folder / OWN_SETTINGS)
    return f"{noted['platform']} in {noted['dtype']}"
