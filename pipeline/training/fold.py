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
from pipeline.host import peak_megabytes
from pipeline.metrics import accuracy
from pipeline.tables.predictions import write_predictions
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.history import write_history
from pipeline.training.interruptions import Interruptions
from pipeline.training.loop import Loop
from pipeline.training.origin import Origin
from pipeline.training.setting import Job, Setting


def train_fold(job: Job) -> float:
    """Train, predict the held-out essays, write the fold's outputs; return its log loss.

    Raises:
      UserError: the platform, an input or a parameter is at fault, or a loss is not finite.
      Stopped: asked to stop; the state is saved.
    """
    started = time.monotonic()
    # Before JAX starts, which takes seconds: a signal or the parent's death meanwhile counts too.
    interruptions = Interruptions(job.session)
    devices = machine.start(job.compute)
    setting = Setting(job, devices)
    progress.say(
        f"{job.name}: {setting.schedule.total} steps on {len(devices)} {devices[0].device_kind} "
        f"device(s), attention {setting.attention}, {job.compute.dtype}"
    )
    loop = Loop(job.name, setting.schedule, setting.step(), setting.validate, devices)
    origin = Origin.of(job.name, job.settings, job.inputs)
    with Checkpoints(_folder(job, origin)) as checkpoints:
        origin.write(checkpoints.folder)
        state, history = loop.run(
            setting.initial_state(),
            checkpoints,
            interruptions,
            60 * job.session.checkpoint_minutes,
        )
        params, step = state.params, setting.schedule.total
        probabilities = setting.predict(params)
        loop.note_validation(params, setting.loss(probabilities), step, history)
        if job.train.select == "best" and loop.best.step != step:
            params, step = machine.replicate(loop.best.params, devices), loop.best.step
            probabilities = setting.predict(params)
        timing = _timing(job, loop, devices, time.monotonic() - started)
        _publish(setting, params, probabilities, step, history.points)
        files.write_json(paths.timing(job.model, job.fold), timing)
        # Last: until every output stands, a kill costs no more than the steps since the last save.
        checkpoints.remove()
    return setting.loss(probabilities)


def _folder(job: Job, origin: Origin) -> Path:
    return paths.checkpoints() / f"{job.model}-fold{job.fold}-{origin.fingerprint[:16]}"


def _publish(
    setting: Setting,
    params: Any,
    probabilities: Float[np.ndarray, "elements labels"],
    step: int,
    points: list[list[Any]],
) -> None:
    """Write weights, out-of-fold predictions, curves and figures; nothing of the wall clock."""
    job, tokens = setting.job, setting.tokens
    # Elements of other folds are NaN.
    there = np.flatnonzero(np.isfinite(probabilities[:, 0]))
    labels, held = tokens.element_labels[there], probabilities[there]
    trained = {"fold": job.fold, "step": step, "platform": job.compute.platform}
    backbone = paths.backbone(job.model)
    folder = paths.weights(job.model, job.fold)
    save_fold(folder, jax.device_get(params), setting.model, backbone, trained)
    with files.atomic_folder(paths.fold(job.model, job.fold)) as folder:
        ids = [tokens.element_ids[i] for i in there]
        write_predictions(folder / "oof.parquet", ids, np.full(len(ids), job.fold), held)
        write_history(folder / "history.csv", points)
        figures = {
            "log_loss": round(setting.loss(probabilities), 6),
            "accuracy": round(accuracy(labels, held), 6),
            "elements": len(ids),
            "step": step,
            "steps": setting.schedule.total,
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
