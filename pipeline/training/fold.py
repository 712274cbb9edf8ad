"""One fold from its inputs to its outputs: what the train stage runs."""

import platform
import time
from pathlib import Path
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
from pipeline.training.history import write_history
from pipeline.training.interruptions import Interruptions
from pipeline.training.job import Job
from pipeline.training.loop import Loop
from pipeline.training.origin import Origin


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
    model = FoldModel(job, devices)
    data = FoldData(job, model.pad_id)
    total = data.schedule.total
    progress.say(
        f"{job.name}: {total} steps on {len(devices)} {devices[0].device_kind} "
        f"device(s), attention {model.attention}, {job.compute.dtype}"
    )

    def validate(params: Any) -> float:
        return data.loss(model.predict(params, data))

    loop = Loop(job.name, data.schedule, model.step(), validate, devices)
    with Checkpoints(folder) as checkpoints:
        origin.write(checkpoints.folder)
        state, history = loop.run(
            model.initial_state(total),
            checkpoints,
            interruptions,
            60 * job.session.checkpoint_minutes,
        )
        params, step = state.params, total
        probabilities = model.predict(params, data)
        loop.note_validation(params, data.loss(probabilities), step, history)
        if job.train.select == "best" and loop.best.step != step:
            params, step = machine.replicate(loop.best.params, devices), loop.best.step
            probabilities = model.predict(params, data)
        timing = _timing(job, loop, devices, time.monotonic() - started)
        _publish(model, data, params, probabilities, step, history.points)
        files.write_json(paths.timing(job.model, job.fold), timing)
        # Last: until every output stands, a kill costs no more than the steps since the last save.
        checkpoints.remove()
    return data.loss(probabilities)


def _folder(job: Job, origin: Origin) -> Path:
    return paths.checkpoints() / f"{job.model}-fold{job.fold}-{origin.fingerprint[:16]}"


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
