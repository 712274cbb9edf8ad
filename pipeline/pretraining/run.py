"""One pre-training from its texts to its backbone: what the pretrain stage runs."""

import csv
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax

from pipeline import devices as machine
from pipeline import files, paths, progress
from pipeline.encoders.weights import masked_heads
from pipeline.pretraining.data import PretrainData
from pipeline.pretraining.job import PretrainJob
from pipeline.pretraining.model import PretrainModel
from pipeline.task import Task
from pipeline.training import needs
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.history import GRADIENT, Validation, write_history
from pipeline.training.interruptions import Interruptions
from pipeline.training.loop import Loop
from pipeline.training.loss_scale import figures
from pipeline.training.origin import Origin
from pipeline.training.timing import timing

_RECORD = "encoder.json"


def pretrain(job: PretrainJob, task: Task) -> Validation:
    """Train, measure, write the backbone and the curves; return the last figures.

    Raises:
      UserError: the platform, an input or a parameter is at fault, the disk has too little room,
        or a loss is not finite.
      Stopped: asked to stop; the state is saved.
    """
    started = time.monotonic()
    # Before JAX starts, which takes seconds: a signal or the parent's death meanwhile counts too.
    interruptions = Interruptions(job.session)
    origin = Origin.of(job.name, job.settings, job.inputs, job.code)
    folder = paths.checkpoints() / f"pretrain-{job.key}-{origin.fingerprint[:16]}"
    needs.check_room({folder: job})
    devices = machine.start(job.compute)
    model = PretrainModel(job, devices)
    data = PretrainData(job, task, model.classifier.config.pad_token_id)

    def validate(params: Any) -> Validation:
        return model.measure(params, data.held_batches())

    schedule = data.schedule
    loop = Loop(job.name, schedule, model.step, validate, devices)
    head = (
        "the checkpoint's own head" if model.has_head else "a drawn head: the checkpoint has none"
    )
    progress.say(
        f"{job.name}: {data.texts:,} texts, {data.tokens:,} tokens an epoch, {schedule.total} "
        f"steps on {len(devices)} {devices[0].device_kind} device(s), "
        f"{job.compute.dtype}; {head}"
    )
    with Checkpoints(folder) as checkpoints:
        origin.write(checkpoints.folder)
        seconds = 60 * job.session.checkpoint_minutes
        with machine.told_if_short_of_memory(lambda: _too_large(job, len(devices))):
            state, history = loop.run(
                # Without a name here: where a checkpoint takes its place, it has to go.
                model.initial_state(schedule.total),
                checkpoints,
                interruptions,
                seconds,
            )
            params, step, found = state.params, schedule.total, validate(state.params)
        loop.note_validation(params, found, step, history)
        if job.train.select == "best" and loop.best.step != step:
            params, step = machine.replicate(loop.best.params, devices), loop.best.step
            found = validate(params)
        _publish(job, model, jax.device_get(params), found, step, figures(state.moments))
        write_curves(paths.pretraining(job.key), history.points)
        took = timing(job.compute, loop, devices, started)
        files.write_json(paths.pretraining_time(job.key), took)
        # Last: until every output stands, a kill costs no more than the steps since the last save.
        checkpoints.remove()
    rate = f"{loop.meter.rate:,.0f} tokens/s"
    progress.say(
        f"{job.name}: {rate}, so {data.tokens / max(loop.meter.rate, 1.0):,.0f} s an epoch"
    )
    return found


def _too_large(job: PretrainJob, devices: int) -> str:
    """Say in words that a step, or an evaluation, doesn't fit, and what would."""
    rows = job.train.rows
    return (
        f"{job.name}: out of memory with {rows.per_step // devices} row(s) of {rows.length} tokens "
        f"a device, expected a device with more memory; lower pretrain.{job.key}.train.rows."
        "per_step, or raise train.accumulation or train.remat"
    )


def _publish(
    job: PretrainJob,
    model: PretrainModel,
    params: Any,
    found: Validation,
    step: int,
    of_scale: dict[str, Any],
) -> None:
    """Write the backbone's folder; nothing of the wall clock."""
    base = paths.backbone(job.model)
    with files.atomic_folder(paths.pretrained(job.key)) as folder:
        masked_heads.save(folder, params, model.classifier, model.form, base)
        shutil.copyfile(base / _RECORD, folder / _RECORD)
        trained = {
            "step": step,
            "masked_loss": round(found.loss, 6),
            "masked_accuracy": round(found.accuracy or 0.0, 6),
            "platform": job.compute.platform,
            "dtype": job.compute.dtype,
            **of_scale,
        }
        origin = files.read_json(base / "origin.json") | {"pretrained": trained}
        files.write_json(folder / "origin.json", origin)


def write_curves(folder: Path, points: Iterable[list[Any]]) -> None:
    """Write the learning curve, and the accuracy on held-out tokens, each as a tidy table."""
    # The norm of the gradient has a scale of its own.
    losses = [point for point in points if point[2] not in ("accuracy", GRADIENT)]
    with files.atomic_folder(folder) as made:
        write_history(made / "learning.csv", losses)
        with (made / "accuracy.csv").open("w", newline="", encoding="utf-8") as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(("step", "epoch", "accuracy"))
            table.writerows((s, e, value) for s, e, series, value in points if series == "accuracy")
