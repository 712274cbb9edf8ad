"""This project's side: its own steps and predictions, through the library's own code."""

import dataclasses
import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from pydantic import TypeAdapter

from bench.peers import clock
from bench.peers.request import Request, answer
from bench.peers.windows import Windows
from pipeline import devices as machine
from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.encoders.weights.folders import load_backbone
from pipeline.inference.predict import predict as predict_windows
from pipeline.inference.predict import predict_step
from pipeline.inputs.packing import plan
from pipeline.training.loop import Schedule
from pipeline.training.setting import Job, Setting


class Prepared:
    """A fold's setting, narrowed to the essays of the comparison."""

    def __init__(self, request: Request) -> None:
        configuration = load_configuration()
        compute = dataclasses.replace(
            configuration.read("compute", params.Compute),
            platform=request.platform, devices=request.devices, dtype=request.dtype,
        )  # fmt: skip
        job = Job(
            model=request.model,
            encoder=configuration.read(f"models.{request.model}.encoder", str),
            fold=configuration.read("folds", list)[0],
            train=TypeAdapter(params.Train).validate_json(json.dumps(dict(request.train))),
            compute=compute,
            session=configuration.read("session", params.Session),
        )
        self.devices = machine.start(compute)
        self.setting = Setting(job, self.devices)
        self.predict_rows = configuration.read(f"models.{request.model}.predict", params.Rows)
        self.windows = Windows.load(request.data)
        self.setting.held = self.windows.number[self.windows.held]
        self.setting.schedule = self._schedule(self.windows.number[~self.windows.held])

    def _schedule(self, windows: np.ndarray) -> Schedule:
        setting, train = self.setting, self.setting.job.train
        lengths, n_slots = setting.tokens.lengths[windows], setting.tokens.n_slots[windows]
        plans = [plan(lengths, n_slots, train.rows, 1, epoch) for epoch in range(train.epochs)]
        return dataclasses.replace(setting.schedule, windows=windows, plans=plans)


class Trainer:
    """The train step over the schedule's batches; a step is dispatched, not waited for."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._step = prepared.setting.step()
        self.state = prepared.setting.initial_state()

    def steps(self, limit: int) -> Iterator[int]:
        """Real tokens of each step."""
        setting, devices = self._prepared.setting, len(self._prepared.devices)
        batches = setting.schedule.batches(0)
        for _, batch in zip(range(limit), batches, strict=False):
            share = machine.split(batch, devices, setting.job.train.accumulation)
            self.state, _ = self._step(self.state, share)
            yield int(np.count_nonzero(batch.segment))

    def wait(self) -> None:
        """Until the last step is done."""
        jax.block_until_ready(self.state)


def train(request: Request) -> dict[str, Any]:
    """Speed of the train step."""
    prepared = Prepared(request)
    trainer = Trainer(prepared)
    figures = clock.speed(trainer.steps(request.steps + 1), trainer.wait)
    return figures | _machine(prepared)


def epoch(request: Request) -> dict[str, Any]:
    """Speed of one whole epoch, after a step that compiles."""
    prepared = Prepared(request)
    trainer = Trainer(prepared)
    steps = int(prepared.setting.schedule.ends[0])

    def parts() -> Iterator[int]:
        yield from trainer.steps(1)
        yield from trainer.steps(steps)

    return clock.speed(parts(), trainer.wait) | _machine(prepared)


def predict(request: Request) -> dict[str, Any]:
    """Speed of `pipeline.inference.predict` over all windows, compiled beforehand."""
    prepared = Prepared(request)
    setting, devices = prepared.setting, prepared.devices
    step = predict_step(setting.model, devices)
    parameters = machine.replicate(
        load_backbone(paths.backbone(request.model), setting.model, 1), devices
    )

    def steps() -> Iterator[int]:
        for windows in (prepared.windows.number[:1], prepared.windows.number):
            predict_windows(
                step, parameters, setting.tokens, windows, prepared.predict_rows, devices,
                setting.schedule.pad_id, request.model,
            )  # fmt: skip
            yield int(setting.tokens.lengths[windows].sum())

    return clock.speed(steps(), lambda: None) | _machine(prepared)


def race(request: Request) -> dict[str, Any]:
    """A whole training of these essays, scored on those that are held out."""
    prepared = Prepared(request)
    setting = prepared.setting
    trainer = Trainer(prepared)
    ends = sorted(setting.schedule.evaluations | {setting.schedule.total})
    figures = clock.race(
        trainer.steps(setting.schedule.total),
        ends,
        trainer.wait,
        lambda: setting.validate(trainer.state.params),
    )
    elements = prepared.windows.elements(prepared.windows.held)
    return figures | {"elements": elements} | _machine(prepared)


def _machine(prepared: Prepared) -> dict[str, Any]:
    """Memory, device and versions."""
    device = prepared.devices[0]
    peak = (device.memory_stats() or {}).get("peak_bytes_in_use")
    return {
        "megabytes": peak / 2**20 if peak else clock.host_megabytes(),
        "device": device.device_kind,
        "versions": {name: version(name) for name in ("jax", "flax")},
    }


if __name__ == "__main__":
    answer({"train": train, "epoch": epoch, "predict": predict, "race": race})
