"""One fold from its inputs to its outputs: what the train stage runs."""

import contextlib
import platform
import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from pipeline import devices as machine
from pipeline import files, paths, progress
from pipeline.encoders.weights.folders import save_fold
from pipeline.memory import peak_megabytes
from pipeline.tables.predictions import write_predictions
from pipeline.training import needs
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.fold_data import FoldData
from pipeline.training.fold_model import FoldModel
from pipeline.training.history import History, Validation, write_history
from pipeline.training.interruptions import Interruptions
from pipeline.training.job import Job
from pipeline.training.loop import Loop
from pipeline.training.origin import Origin
from pipeline.training.step import TrainState


class FoldRun:
    """One fold on its devices, from its last checkpoint to its last step.

    Attributes:
      job: the fold, as the configuration describes it.
      devices: what it is trained on.
      model, data, loop: its parts, made and read.
    """

    def __init__(self, job: Job, devices: Sequence[machine.Device]) -> None:
        """Read the fold's inputs and build its model.

        Raises:
          UserError: an input or a parameter is at fault.
        """
        self.job, self.devices = job, devices
        self.model = FoldModel(job, devices)
        self.data = FoldData(job, self.model.pad_id)
        self.loop = Loop(job.name, self.data.schedule, self.model.step(), self._validate, devices)
        progress.say(
            f"{job.name}: {self.data.schedule.total} steps on {len(devices)} "
            f"{devices[0].device_kind} device(s), attention {self.model.attention}, "
            f"{job.compute.dtype}"
        )

    def run(
        self, checkpoints: Checkpoints, interruptions: Interruptions
    ) -> tuple[TrainState, History]:
        """Train to the last step; what is published comes after it.

        Raises:
          UserError: a loss is not finite.
          Stopped: asked to stop; the state is saved.
        """
        state = self.model.initial_state(self.data.schedule.total)
        seconds = 60 * self.job.session.checkpoint_minutes
        return self.loop.run(state, checkpoints, interruptions, seconds)

    def _validate(self, params: Any) -> Validation:
        return Validation(self.data.loss(self.model.predict(params, self.data)))


def train_fold(job: Job) -> float:
    """Train, predict the held-out essays, write the fold's outputs; return its log loss.

    Raises:
      UserError: the platform, an input or a parameter is at fault, the disk has too little room,
        or a loss is not finite.
      Stopped: asked to stop; the state is saved.
    """
    started = time.monotonic()
    # Before JAX starts, which takes seconds: a signal or the parent's death meanwhile counts too.
    interruptions = Interruptions(job.session)
    origin = Origin.of(job.name, job.settings, job.inputs, job.code)
    folder = _folder(job, origin)
    needs.check_room(job, folder)
    devices = machine.start(job.compute)
    fold = FoldRun(job, devices)
    model, data, loop = fold.model, fold.data, fold.loop
    with open_checkpoints(job, origin_of(job)) as checkpoints:
        state, history = fold.run(checkpoints, interruptions)
        params, step = state.params, data.schedule.total
        probabilities = model.predict(params, data)
        loop.note_validation(params, Validation(data.loss(probabilities)), step, history)
        if job.train.select == "best" and loop.best.step != step:
            params, step = machine.replicate(loop.best.params, devices), loop.best.step
            probabilities = model.predict(params, data)
        timing = _timing(job, loop, devices, time.monotonic() - started)
        _publish(model, data, params, probabilities, step, history.points)
        files.write_json(paths.timing(job.model, job.fold), timing)
        # Last: until every output stands, a kill costs no more than the steps since the last save.
        checkpoints.remove()
    return data.loss(probabilities)


def origin_of(job: Job) -> Origin:
    """Read all that decides a fold's numbers, as it stands now."""
    return Origin.of(job.name, job.settings, job.inputs, job.code)


@contextlib.contextmanager
def open_checkpoints(job: Job, origin: Origin) -> Iterator[Checkpoints]:
    """Open a fold's checkpoints of one origin, which is noted beside them.

    Raises:
      UserError: another process trains the fold, or there is no place for them.
    """
    name = f"{job.model}-fold{job.fold}-{origin.fingerprint[:16]}"
    with Checkpoints(paths.checkpoints() / name) as checkpoints:
        origin.write(checkpoints.folder)
        yield checkpoints


def _publish(
    model: FoldModel,
    data: FoldData,
    params: Any,
    probabilities: Float[np.ndarray, "elements labels"],
    step: int,
    points: list[list[Any]],
) -> None:
    """Write weights, out-of-fold predictions, curves and figures; nothing of the wall clock."""
    job = model.job
    there = np.flatnonzero(data.truth >= 0)
    trained = {
        "fold": job.fold,
        "step": step,
        "platform": job.compute.platform,
        "dtype": job.compute.dtype,
    }
    backbone = paths.backbone(job.model)
    folder = paths.weights(job.model, job.fold)
    save_fold(folder, jax.device_get(params), model.model, backbone, trained)
    with files.atomic_folder(paths.fold(job.model, job.fold)) as folder:
        ids = [data.tokens.element_ids[i] for i in there]
        own = np.full(len(ids), job.fold)
        write_predictions(folder / "oof.parquet", ids, own, probabilities[there])
        write_history(folder / "history.csv", points)
        figures = {
            "log_loss": round(data.loss(probabilities), 6),
            "accuracy": round(data.accuracy(probabilities), 6),
            "elements": len(ids),
            "step": step,
            "steps": data.schedule.total,
        }
        files.write_json(folder / "metrics.json", figures)


def _timing(job: Job, loop: Loop, devices: list[machine.Device], seconds: float) -> dict[str, Any]:
    """Describe this process's hardware and speed; earlier parts of a resumed run don't count."""
    return {
        "platform": job.compute.platform,
        "devices": len(devices),
        "device_kind": devices[0].device_kind,
        "machine": platform.machine(),
        "jax": jax.__version__,
        "seconds": round(seconds, 1),
        "first_step_seconds": round(loop.meter.first_step, 2),
        "tokens_per_second": round(loop.meter.rate, 1),
        "resumed_from": loop.resumed_from,
        "peak_host_megabytes": round(peak_megabytes()),
    }
