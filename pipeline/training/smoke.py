"""A fold's first steps with its real parameters: does it fit, how fast is it, how long is it."""

import itertools
import math
import time
from dataclasses import dataclass

import numpy as np

from pipeline import devices as machine
from pipeline.errors import UserError
from pipeline.memory import peak_megabytes
from pipeline.progress import say, track
from pipeline.training.fold_data import FoldData
from pipeline.training.fold_model import FoldModel
from pipeline.training.job import Job
from pipeline.training.loop import Meter

STEPS = 20


@dataclass(frozen=True)
class Smoke:
    """The measurements of a few steps.

    Attributes:
      steps: how many ran.
      first_step: seconds of the first one, compilation and all.
      tokens_per_second: real tokens, from the second step on.
      validation: seconds of one pass over the held-out fold.
      loss: log loss of that pass.
      host_megabytes: peak of this process.
      device_megabytes: peak of one device, None where the platform doesn't tell.
      fold_seconds: of a whole fold at this speed.
    """

    steps: int
    first_step: float
    tokens_per_second: float
    validation: float
    loss: float
    host_megabytes: float
    device_megabytes: float | None
    fold_seconds: float


def smoke(job: Job) -> Smoke:
    """Run the first steps and one validation; write nothing.

    Raises:
      UserError: as in training, or the loss is not finite.
    """
    devices = machine.start(job.compute)
    model = FoldModel(job, devices)
    data = FoldData(job, model.pad_id)
    schedule = data.schedule
    state, step, meter = model.initial_state(schedule.total), model.step(), Meter()
    steps = min(STEPS, schedule.total)
    for batch in track(itertools.islice(schedule.batches(0), steps), steps, "step", job.name):
        state, metrics = step(state, machine.split(batch, len(devices), job.train.accumulation))
        if not math.isfinite(float(metrics.loss)):
            raise UserError(f"{job.name}: the loss is not finite after {int(state.step)} step(s)")
        meter.count(int(np.count_nonzero(batch.segment)))
    say(f"{job.name}: {steps} steps done, predicting the held-out essays")
    began = time.monotonic()
    loss = data.loss(model.predict(state.params, data))
    validation = time.monotonic() - began
    per_step = meter.seconds / max(steps - 1, 1)
    passes = len(schedule.evaluations) + 1
    return Smoke(
        steps=steps,
        first_step=meter.first_step,
        tokens_per_second=meter.rate,
        validation=validation,
        loss=loss,
        host_megabytes=peak_megabytes(),
        device_megabytes=_device_megabytes(devices[0]),
        fold_seconds=meter.first_step + schedule.total * per_step + passes * validation,
    )


def _device_megabytes(device: machine.Device) -> float | None:
    statistics = device.memory_stats() or {}
    peak = statistics.get("peak_bytes_in_use")
    return peak / 2**20 if peak else None
