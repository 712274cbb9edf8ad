"""The model of one fold on its devices: its state before the first step, its steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from pipeline import devices as machine
from pipeline import paths
from pipeline.encoders.attention.dispatch import serving
from pipeline.encoders.head import build
from pipeline.encoders.weights.folders import load_backbone, table
from pipeline.inference.predictor import Predictor
from pipeline.platforms import rows_per_device
from pipeline.training import loss_scale
from pipeline.training.encoder_settings import encoder_settings
from pipeline.training.fold_data import FoldData
from pipeline.training.job import Job
from pipeline.training.masking import read_masking
from pipeline.training.optimizer import adamw
from pipeline.training.step import Step, TrainState, train_step


class FoldModel:
    """One fold's model and optimizer, ready to run on `devices`.

    Attributes:
      predictor: of the model, in rows of training's shape.
    """

    def __init__(self, job: Job, devices: Sequence[machine.Device]) -> None:
        """Build the model of the backbone's config.

        Raises:
          UserError: the config is missing or not the encoder's, or words are to be masked and the
            tokenizer has no mask token.
        """
        self.job, self.devices = job, devices
        self.settings = encoder_settings(job.compute, job.train, devices[0].device_kind)
        self.model = build(paths.backbone(job.model), job.encoder, self.settings)
        config = self.model.config
        self.pad_id = config.pad_token_id
        self.predictor = Predictor(self.model, devices, job.train.rows)
        self._masking = read_masking(paths.backbone(job.model), job.train.mask_share)
        optimizer = adamw(job.train.optimizer, table(self.model), config.layers)
        self._optimizer = loss_scale.for_dtype(optimizer, job.compute.dtype)

    @property
    def attention(self) -> str:
        """The implementation of attention in training, which dropout may decide."""
        config = self.model.config
        return serving(
            self.settings.attention,
            drops=config.attention_dropout > 0.0,
            relative=config.relative,
        )

    def initial_state(self, total: int) -> TrainState:
        """Make the state before the first of `total` steps, replicated."""
        job = self.job
        params = load_backbone(paths.backbone(job.model), self.model, job.seed("head"))
        state = TrainState.create(params, self._optimizer, total, job.seed("dropout"))
        return machine.replicate(state, self.devices)

    def step(self) -> Step:
        """Make the parallel train step; its state argument is donated.

        Raises:
          UserError: the rows don't divide over the devices.
        """
        train = self.job.train
        rows_per_device(train.rows.per_step, len(self.devices), train.accumulation)
        step = train_step(self.model, self._optimizer, train, self._masking)
        # Donated, so that the new state can take the memory of the old one.
        return machine.parallel(step, self.devices, replicated_out=True, donate=True)

    def predict(
        self, params: Any, data: FoldData, windows: Int[np.ndarray, " n"] | None = None
    ) -> Float[np.ndarray, "elements labels"]:
        """Return probabilities of the elements that are held out; NaN for the others.

        Args:
          params: replicated.
          data: the fold's.
          windows: those of `data.held` to predict; None for all.
        """
        name = f"{self.job.name} held-out"
        windows = data.held if windows is None else windows
        return self.predictor.probabilities(params, data.tokens, windows, name)
