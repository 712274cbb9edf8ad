"""The setting of one fold: its windows, plans, model and devices."""

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline import devices as machine
from pipeline import paths
from pipeline.configuration import written
from pipeline.encoders.attention.dispatch import default_attention, serving
from pipeline.encoders.config import Settings
from pipeline.encoders.head import build
from pipeline.encoders.weights.folders import load_backbone
from pipeline.errors import UserError
from pipeline.inference.predict import PredictStep, predict, predict_step
from pipeline.inputs.packing import plan
from pipeline.inputs.tokens import Tokens, read_tokens
from pipeline.metrics import log_loss
from pipeline.params import Compute, Session, Train
from pipeline.platforms import rows_per_device
from pipeline.seeds import stream
from pipeline.tables.columns import Columns
from pipeline.training.loop import Schedule, Step
from pipeline.training.optimizer import directions
from pipeline.training.state import TrainState
from pipeline.training.step import train_step


@dataclasses.dataclass(frozen=True)
class Job:
    """One fold of one model, with every parameter that decides its numbers."""

    model: str
    encoder: str
    fold: int
    train: Train
    compute: Compute
    session: Session

    @property
    def name(self) -> str:
        """As DVC names the stage."""
        return f"train@{self.model}-{self.fold}"

    @property
    def inputs(self) -> list[Path]:
        """Every file that the numbers depend on."""
        folders = [paths.tokens(self.model, "train"), paths.backbone(self.model)]
        return [paths.FOLDS, *(path for folder in folders for path in folder.iterdir())]

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters that decide the numbers, beside files, code and libraries."""
        return {
            "encoder": self.encoder,
            "fold": self.fold,
            # What is off is left out: a new option ends no interrupted run.
            "train": written(self.train),
            "platform": self.compute.platform,
            "dtype": self.compute.dtype,
        }


def encoder_settings(compute: Compute, train: Train, kind: str) -> Settings:
    """Choose how the encoder computes on a kind of device; `attention: auto` is the fastest there.

    Raises:
      UserError: the attention that is asked for does not run there.
    """
    attention = train.attention
    if attention == "auto":
        attention = default_attention(compute.platform, kind, compute.dtype)
    if attention == "fused" and compute.platform != "tpu":
        raise UserError(f"params.yaml: attention: fused runs on tpu, not on {compute.platform}")
    if attention == "cudnn" and (compute.platform, compute.dtype) != ("gpu", "bfloat16"):
        raise UserError(
            "params.yaml: attention: cudnn runs on gpu in bfloat16, "
            f"not on {compute.platform} in {compute.dtype}"
        )
    return Settings(
        dtype=compute.dtype,
        attention=attention,
        remat=train.remat,
        hidden_dropout=train.dropout.hidden,
        attention_dropout=train.dropout.attention,
        head_dropout=train.dropout.head,
    )


def held_out(tokens: Tokens, fold: int) -> np.ndarray:
    """Mask the windows of essays of `fold`, a bool for each window.

    Raises:
      UserError: an essay has no fold, or no essay is in this one.
    """
    table = Columns(paths.FOLDS, ("essay_id", "fold"))
    fold_of = dict(zip(table.strings("essay_id"), table.numbers("fold").tolist(), strict=True))
    missing = sorted(set(tokens.essay_ids) - set(fold_of))
    if missing:
        raise UserError(f"{paths.FOLDS}: no fold for essay {missing[0]} ({len(missing)} in all)")
    held = np.array([fold_of[essay] == fold for essay in tokens.essay_ids])
    if not held.any() or held.all():
        raise UserError(f"{paths.FOLDS}: fold {fold} has {held.sum()} of {len(held)} windows")
    return held


class Setting:
    """One fold, ready to run on `devices`."""

    def __init__(self, job: Job, devices: Sequence[machine.Device]) -> None:
        """Read the inputs and plan every epoch.

        Raises:
          UserError: an input is missing or odd, or the rows don't divide over the devices.
        """
        rows = job.train.rows
        rows_per_device(rows.per_step, len(devices), job.train.accumulation)
        self.job, self.devices = job, devices
        self.tokens = read_tokens(paths.tokens(job.model, "train"))
        held = held_out(self.tokens, job.fold)
        self.held, windows = np.flatnonzero(held), np.flatnonzero(~held)
        self.settings = encoder_settings(job.compute, job.train, devices[0].device_kind)
        self.model = build(paths.backbone(job.model), job.encoder, self.settings)
        lengths, n_slots = self.tokens.lengths[windows], self.tokens.n_slots[windows]
        seed = self._seed("packing")
        # From lengths, seed and epoch alone: the number of devices must not decide which rows share
        # a step.
        plans = [plan(lengths, n_slots, rows, seed, epoch) for epoch in range(job.train.epochs)]
        self.schedule = Schedule(
            self.tokens, windows, plans, job.train, self.model.config.pad_token_id
        )

    def _seed(self, purpose: str) -> int:
        return stream(self.job.train.seed, self.job.fold, purpose)

    @property
    def attention(self) -> str:
        """The implementation of attention in training, which dropout may decide."""
        config = self.model.config
        return serving(
            self.settings.attention,
            drops=config.attention_dropout > 0.0,
            relative=config.relative,
        )

    def initial_state(self) -> TrainState:
        """The state before the first step, replicated."""
        backbone = paths.backbone(self.job.model)
        params = load_backbone(backbone, self.model, self._seed("head"))
        optimizer = directions(self.job.train.optimizer)
        state = TrainState.create(params, optimizer, self.schedule.total, self._seed("dropout"))
        return machine.replicate(state, self.devices)

    def step(self) -> Step:
        """The parallel train step; its state argument is donated."""
        step = train_step(self.model, self.job.train)
        # Donated, so that the new state can take the memory of the old one.
        return machine.parallel(step, self.devices, replicated_out=True, donate=True)

    @cached_property
    def _predict_step(self) -> PredictStep:
        return predict_step(self.model, self.devices)

    def predict(self, params: Any) -> Float[np.ndarray, "elements labels"]:
        """Probabilities of the held-out elements; NaN for the others."""
        return predict(
            self._predict_step,
            params,
            self.tokens,
            self.held,
            self.job.train.rows,
            self.devices,
            self.schedule.pad_id,
            f"{self.job.name} held-out",
        )

    def loss(self, probabilities: Float[np.ndarray, "elements labels"]) -> float:
        """Log loss of the held-out elements."""
        there = np.isfinite(probabilities[:, 0])
        return log_loss(self.tokens.element_labels[there], probabilities[there])

    def validate(self, params: Any) -> float:
        """Log loss of the held-out elements under `params`."""
        return self.loss(self.predict(params))
