"""A model's test predictions: the same tokens through the weights of every fold."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline import devices as machine
from pipeline import paths
from pipeline.encoders.weights.folders import OWN_SETTINGS
from pipeline.entries import check_entries
from pipeline.files import read_json
from pipeline.inference.predictor import Predictor
from pipeline.inputs.tokens import read_tokens
from pipeline.params import Predict
from pipeline.tables.predictions import write_predictions


class Predicted(NamedTuple):
    """Predictions of all folds, and the machine that made them.

    Attributes:
      elements: their number.
      computed: devices and dtype of the predictions, in words.
      trained: platform and dtype of the folds' training, in words.
    """

    elements: int
    computed: str
    trained: str


def predict_folds(model: str, encoder: str, settings: Predict, folds: Sequence[int]) -> Predicted:
    """Write a model's test predictions by each of `folds`, on what this machine has.

    Raises:
      UserError: a fold's weights are missing or belong to no fold of the configuration.
    """
    check_entries(paths.weights(model), "fold*", [f"fold{fold}" for fold in folds])
    backend = machine.start_best()
    tokens = read_tokens(paths.tokens(model, "test"))
    # Folds differ in their weights alone, so one model serves them all.
    predictor = Predictor.of_folder(paths.weights(model, folds[0]), encoder, settings, backend)
    windows, tables = np.arange(len(tokens)), []
    for fold in folds:
        params = predictor.load(paths.weights(model, fold))
        name = f"predict@{model} fold {fold}"
        tables.append(predictor.probabilities(params, tokens, windows, name))
    count = len(tokens.element_ids)
    write_predictions(
        paths.test(model),
        list(tokens.element_ids) * len(folds),
        np.repeat(np.array(folds), count),
        np.concatenate(tables),
    )
    trained = sorted({_trained(paths.weights(model, fold)) for fold in folds})
    computed = f"{backend} in {predictor.dtype}"
    return Predicted(count, computed, " and ".join(trained))


def _trained(folder: Path) -> str:
    """Say what a fold was trained on, as training noted it beside the weights."""
    noted = read_json(folder / OWN_SETTINGS)
    return f"{noted['platform']} in {noted['dtype']}"
