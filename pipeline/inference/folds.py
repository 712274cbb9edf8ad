"""A model's test predictions: the same tokens through the weights of every fold."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipeline import devices as machine
from pipeline import paths
from pipeline.encoders.attention.dispatch import default_attention
from pipeline.encoders.config import Settings
from pipeline.encoders.head import build
from pipeline.encoders.weights.folders import load_fold
from pipeline.entries import check_entries
from pipeline.inference.predict import predict, predict_step
from pipeline.inputs.tokens import read_tokens
from pipeline.params import Compute, Rows
from pipeline.tables.predictions import write_predictions


@dataclasses.dataclass(frozen=True)
class FoldPredictor:
    """Predicts with every fold of one model; all folds share one compilation."""

    model: str
    encoder: str
    rows: Rows
    compute: Compute

    def write(self, folds: Sequence[int]) -> int:
        """Write the predictions of `folds`; return the number of elements.

        Raises:
          UserError: a fold's weights are missing or belong to no fold of the configuration.
        """
        check_entries(paths.weights(self.model), "fold*", [f"fold{fold}" for fold in folds])
        devices = machine.start(self.compute)
        tokens = read_tokens(paths.tokens(self.model, "test"))
        compute = self.compute
        attention = default_attention(compute.platform, devices[0].device_kind, compute.dtype)
        settings = Settings(dtype=compute.dtype, attention=attention)
        # Folds differ in their weights alone, so one model and one compiled step serve them all.
        first = paths.weights(self.model, folds[0])
        model = build(first, self.encoder, settings)
        step = predict_step(model, devices)
        windows, pad_id = np.arange(len(tokens)), model.config.pad_token_id
        tables = []
        for fold in folds:
            weights = load_fold(paths.weights(self.model, fold), model)
            params = machine.replicate(weights, devices)
            name = f"predict@{self.model} fold {fold}"
            tables.append(
                predict(
                    step,
                    params,
                    tokens,
                    windows,
                    self.rows,
                    devices,
                    pad_id,
                    name,
                )
            )
        count = len(tokens.element_ids)
        write_predictions(
            paths.test(self.model),
            list(tokens.element_ids) * len(folds),
            np.repeat(np.array(folds), count),
            np.concatenate(tables),
        )
        return count
