"""A fold's first steps with its real parameters: does it fit, how fast is it, how long is it."""

import itertools
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import devices as machine
from pipeline.errors import UserError
from pipeline.memory import peak_megabytes
from pipeline.metrics import log_loss
from pipeline.progress import say, track
from pipeline.training.fold_data import FoldData
from pipeline.training.fold_model import FoldModel
from pipeline.training.job import Job
from pipeline.training.loop import Meter
from pipeline.training.trace import Trace

STEPS = 20
# Of the held-out essays.
BATCHES = 5


@dataclass(frozen=True)
class HeldOut:
    """The measurements of a few held-out batches.

    Attributes:
      first_batch: seconds of the first one, compilation and all.
      timed_batches: how many were timed after it.
      batches: how many a pass over the held-out essays takes.
      batch_seconds: of one, compiled.
      loss: log loss of what was predicted.
      scored: elements that were predicted.
      held: elements that are held out.
    """

    first_batch: float
    timed_batches: int
    batches: int
    batch_seconds: float
    loss: float
    scored: int
    held: int

    @property
    def pass_seconds(self) -> float:
        """Seconds of a pass over the held-out essays: every batch has the same shape."""
        return self.batches * self.batch_seconds


@dataclass(frozen=True)
class Smoke(HeldOut):
    """The measurements of a few steps, and of a few batches.

    Attributes:
      steps: how many ran.
      total: how many a fold takes.
      first_step: seconds of the first one, compilation and all.
      step_seconds: of one, compiled.
      tokens_per_second: real tokens, from the second step on.
      passes: over the held-out essays, that a fold takes.
      host_megabytes: peak of this process.
      device_megabytes: peak of one device, None where the platform doesn't tell.
    """

    steps: int
    total: int
    first_step: float
    step_seconds: float
    tokens_per_second: float
    passes: int
    host_megabytes: float
    device_megabytes: float | None

    @property
    def fold_seconds(self) -> float:
        """Seconds of a whole fold at this speed."""
        training = self.first_step + (self.total - 1) * self.step_seconds
        return training + self.first_batch + self.passes * self.pass_seconds


def smoke(job: Job, profile: Path | None = None) -> Smoke:
    """Run the first steps and predict a few held-out batches; write nothing but a profile.

    Args:
      job: the fold.
      profile: the folder of a profiler's trace, None for none. Tracing takes time of its own.

    Raises:
      UserError: as in training, or the loss is not finite.
    """
    devices = machine.start(job.compute)
    model = FoldModel(job, devices)
    data = FoldData(job, model.pad_id)
    schedule = data.schedule
    state, step, meter = model.initial_state(schedule.total), model.step(), Meter()
    steps = min(STEPS, schedule.total)
    trace = Trace(profile, steps)
    for batch in track(itertools.islice(schedule.batches(0), steps), steps, "step", job.name):
        state, metrics = step(state, machine.split(batch, len(devices), job.train.accumulation))
        # Under a scale of the loss a step may be skipped, as in training.
        lost = metrics.scaling is None or metrics.scaling.exhausted
        if lost and not math.isfinite(float(metrics.loss)):
            raise UserError(f"{job.name}: the loss is not finite after {int(state.step)} step(s)")
        meter.count(int(np.count_nonzero(batch.segment)))
        trace.done(int(state.step))
        meter.pause()
    say(f"{job.name}: {steps} steps done, predicting some of the held-out essays")
    return Smoke(
        **vars(predict_few(model, state.params, data)),
        steps=steps,
        total=schedule.total,
        first_step=meter.first_step,
        step_seconds=meter.seconds / max(steps - 1, 1),
        tokens_per_second=meter.rate,
        passes=len(schedule.evaluations) + 1,
        host_megabytes=peak_megabytes(),
        device_megabytes=_device_megabytes(devices[0]),
    )


def predict_few(model: FoldModel, params: Any, data: FoldData) -> HeldOut:
    """Predict a window of the held-out essays to compile, then about `BATCHES` batches to time.

    Args:
      model: the fold's.
      params: replicated.
      data: the fold's.
    """
    batches = model.predictor.steps(data.tokens, data.held)
    few = data.held[: math.ceil(len(data.held) * min(BATCHES / batches, 1.0))]
    began = time.monotonic()
    model.predict(params, data, few[:1])
    compiled = time.monotonic()
    probabilities = model.predict(params, data, few)
    seconds = time.monotonic() - compiled
    timed = model.predictor.steps(data.tokens, few)
    scored = (data.truth >= 0) & np.isfinite(probabilities[:, 0])
    return HeldOut(
        first_batch=compiled - began,
        timed_batches=timed,
        batches=batches,
        batch_seconds=seconds / timed,
        loss=log_loss(data.truth[scored], probabilities[scored]),
        scored=int(scored.sum()),
        held=int((data.truth >= 0).sum()),
    )


def _device_megabytes(device: machine.Device) -> float | None:
    statistics = device.memory_stats() or {}
    peak = statistics.get("peak_bytes_in_use")
    return peak / 2**20 if peak else None
