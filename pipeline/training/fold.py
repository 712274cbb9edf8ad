"""One fold, or one full fit, from its inputs to its outputs: what the train stage runs."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from pipeline import devices as machine
from pipeline import files, paths, progress
from pipeline.encoders.weights.folders import save_fold
from pipeline.tables.predictions import write_predictions
from pipeline.task import Task
from pipeline.training import loss_scale, needs
from pipeline.training.card import card
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.fold_data import FoldData
from pipeline.training.fold_model import FoldModel
from pipeline.training.history import History, Validation, write_history
from pipeline.training.interruptions import Interruptions
from pipeline.training.job import Job
from pipeline.training.loggers import catalogue
from pipeline.training.loggers.loggers import Loggers
from pipeline.training.loop import Loop
from pipeline.training.origin import Origin
from pipeline.training.step import TrainState
from pipeline.training.timing import timing


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
        made = catalogue.make(job.session.loggers or (), job.model, job.unit, job.settings)
        self.model = FoldModel(job, devices)
        self.data = FoldData(job, self.model.pad_id)
        validate = None if job.unit.full else self._validate
        loggers = Loggers(job.name, made)
        self.loop = Loop(job.name, self.data.schedule, self.model.step, validate, devices, loggers)
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
          UserError: a loss is not finite, or a step doesn't fit into a device's memory.
          Stopped: asked to stop; the state is saved.
        """
        seconds = 60 * self.job.session.checkpoint_minutes
        with (
            self.loop.loggers.closed_if_it_ends(),
            machine.told_if_short_of_memory(self._too_large),
        ):
            return self.loop.run(
                # Without a name here: where a checkpoint takes its place, it has to go.
                self.model.initial_state(self.data.schedule.total),
                checkpoints,
                interruptions,
                seconds,
            )

    def _too_large(self) -> str:
        """Say in words that a step doesn't fit, and what would."""
        train, devices = self.job.train, len(self.devices)
        rows = train.rows.per_step // devices // train.accumulation
        share = f"{rows} row(s) of {train.rows.length} tokens a device"
        others = ", or train it over all devices, by dvc repro" if devices == 1 else ""
        return (
            f"{self.job.name}: out of memory with {share}, expected a device with more memory; "
            f"raise train.accumulation or train.remat{others}"
        )

    def _validate(self, params: Any) -> Validation:
        return Validation(self.data.loss(self.model.predict(params, self.data)))


def train_fold(job: Job, task: Task, competition: str) -> dict[str, Any]:
    """Train, predict the held-out essays, write the fold's outputs; return its figures.

    A full fit predicts nothing.

    Args:
      job: the unit.
      task: of the competition, for the model card.
      competition: its name, likewise.

    Raises:
      UserError: the platform, an input or a parameter is at fault, the disk has too little room,
        or a loss is not finite.
      Stopped: asked to stop; the state is saved.
    """
    started = time.monotonic()
    # Before JAX starts, which takes seconds: a signal or the parent's death meanwhile counts too.
    interruptions = Interruptions(job.session)
    origin = origin_of(job)
    needs.check_room({folder_of(job, origin): job})
    devices = machine.start(job.compute)
    fold = FoldRun(job, devices)
    model, data, loop = fold.model, fold.data, fold.loop
    with open_checkpoints(job, origin) as checkpoints:
        state, history = fold.run(checkpoints, interruptions)
        params, step = state.params, data.schedule.total
        probabilities = None
        if not job.unit.full:
            probabilities = model.predict(params, data)
            loop.note_validation(params, Validation(data.loss(probabilities)), step, history)
            if job.train.select == "best" and loop.best.step != step:
                params, step = machine.replicate(loop.best.params, devices), loop.best.step
                probabilities = model.predict(params, data)
        loop.loggers.close()
        took = timing(job.compute, loop, devices, started)
        describe = functools.partial(card, job, task, competition)
        taken = {"step": step, "steps": loop.schedule.total, **loss_scale.figures(state.moments)}
        figures = _publish(model, data, params, probabilities, taken, history.points, describe)
        files.write_json(paths.timing(job.model, job.unit), took)
        # Last: until every output stands, a kill costs no more than the steps since the last save.
        checkpoints.remove()
    return figures


def origin_of(job: Job) -> Origin:
    """Read all that decides a fold's numbers, as it stands now."""
    return Origin.of(job.name, job.settings, job.inputs, job.code)


def folder_of(job: Job, origin: Origin) -> Path:
    """Return the folder of a fold's checkpoints of one origin."""
    name = f"{job.model}-{job.unit.name}-{origin.fingerprint[:16]}"
    return paths.checkpoints() / name


@contextlib.contextmanager
def open_checkpoints(job: Job, origin: Origin) -> Iterator[Checkpoints]:
    """Open a fold's checkpoints of one origin, which is noted beside them.

    Raises:
      UserError: another process trains the fold, or there is no place for them.
    """
    with Checkpoints(folder_of(job, origin)) as checkpoints:
        origin.write(checkpoints.folder)
        yield checkpoints


def _publish(
    model: FoldModel,
    data: FoldData,
    params: Any,
    probabilities: Float[np.ndarray, "elements labels"] | None,
    taken: Mapping[str, int],
    points: list[list[Any]],
    describe: Callable[[Mapping[str, Any], Mapping[str, Any]], str],
) -> dict[str, Any]:
    """Write weights, out-of-fold predictions, curves and figures; nothing of the wall clock.

    `taken` are figures of the steps; `describe` makes the model card from the backbone's record and
    all figures.
    """
    job = model.job
    trained = {
        **job.unit.settings,
        "step": taken["step"],
        "platform": job.compute.platform,
        "dtype": job.compute.dtype,
    }
    figures = {**_figures(data, probabilities), **taken}
    backbone = paths.backbone(job.model)
    save_fold(
        paths.weights(job.model, job.unit),
        jax.device_get(params),
        model.model,
        backbone,
        trained,
        describe(files.read_json(backbone / "origin.json"), figures),
    )
    with files.atomic_folder(paths.fold(job.model, job.unit)) as folder:
        if probabilities is not None:
            there = np.flatnonzero(data.truth >= 0)
            ids = [data.tokens.element_ids[i] for i in there]
            own = np.full(len(ids), job.fold)
            write_predictions(folder / "oof.parquet", ids, own, probabilities[there])
        write_history(folder / "history.csv", points)
        files.write_json(folder / "metrics.json", figures)
    return figures


def _figures(
    data: FoldData, probabilities: Float[np.ndarray, "elements labels"] | None
) -> dict[str, Any]:
    """Score a fold; count the essays of a full fit, which nothing scores."""
    if probabilities is None:
        essays = data.tokens.essay_ids
        return {"essays": len({essays[i] for i in data.schedule.windows.tolist()})}
    return {
        "log_loss": round(data.loss(probabilities), 6),
        "accuracy": round(data.accuracy(probabilities), 6),
        "elements": int(np.count_nonzero(data.truth >= 0)),
    }
