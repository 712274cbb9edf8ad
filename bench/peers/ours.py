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
from pipeline.inference.predictor import Predictor
from pipeline.inputs.packing import plan
from pipeline.memory import peak_megabytes
from pipeline.training.fold_data import FoldData, elements_of
from pipeline.training.fold_model import FoldModel
from pipeline.training.job import job_of
from pipeline.training.schedule import Schedule
from pipeline.units import Unit


class Prepared:
    """A fold's data, narrowed to the essays of the comparison, and its model."""

    def __init__(self, request: Request) -> None:
        configuration = load_configuration()
        compute = dataclasses.replace(
            configuration.read("compute", params.Compute),
            platform=request.platform, devices=request.devices, dtype=request.dtype,
        )  # fmt: skip
        job = dataclasses.replace(
            job_of(configuration, request.model, Unit(configuration.read("folds", list)[0])),
            train=TypeAdapter(params.Train).validate_json(json.dumps(dict(request.train))),
            compute=compute,
        )
        self.devices = machine.start(compute)
        self.model = FoldModel(job, self.devices)
        self.data = FoldData(job, self.model.pad_id)
        self.predict_rows = configuration.read(f"models.{request.model}.predict", params.Rows)
        self.windows = Windows.load(request.data)
        self.data.schedule = self._schedule(self.windows.number[~self.windows.held])
        self.data.held = self.windows.number[self.windows.held]
        own = elements_of(self.data.tokens, self.data.held)
        self.data.truth = np.where(own, self.data.truth, -1)

    def _schedule(self, windows: np.ndarray) -> Schedule:
        data, train = self.data, self.model.job.train
        lengths, n_slots = data.tokens.lengths[windows], data.tokens.n_slots[windows]
        plans = [plan(lengths, n_slots, train.rows, 1, epoch) for epoch in range(train.epochs)]
        # For speed the fold's held-out windows are among them.
        assert data.schedule.labels is not None
        labels = np.maximum(data.schedule.labels, data.truth)
        return dataclasses.replace(data.schedule, labels=labels, windows=windows, plans=plans)


class Trainer:
    """The train step over the schedule's batches; a step is dispatched, not waited for."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._step = prepared.model.step()
        self.state = prepared.model.initial_state(prepared.data.schedule.total)

    def steps(self, limit: int) -> Iterator[int]:
        """Real tokens of each step."""
        devices = len(self._prepared.devices)
        accumulation = self._prepared.model.job.train.accumulation
        batches = self._prepared.data.schedule.batches(0)
        for _, batch in zip(range(limit), batches, strict=False):
            share = machine.split(batch, devices, accumulation)
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
    steps = int(prepared.data.schedule.ends[0])

    def parts() -> Iterator[int]:
        yield from trainer.steps(1)
        yield from trainer.steps(steps)

    return clock.speed(parts(), trainer.wait) | _machine(prepared)


def predict(request: Request) -> dict[str, Any]:
    """Speed of the `Predictor` over all windows, compiled beforehand."""
    prepared = Prepared(request)
    model, tokens = prepared.model.model, prepared.data.tokens
    predictor = Predictor(model, prepared.devices, prepared.predict_rows)
    backbone = load_backbone(paths.backbone(request.model), model, 1)
    parameters = machine.replicate(backbone, prepared.devices)

    def steps() -> Iterator[int]:
        for windows in (prepared.windows.number[:1], prepared.windows.number):
            predictor.probabilities(parameters, tokens, windows, request.model)
            yield int(tokens.lengths[windows].sum())

    return clock.speed(steps(), lambda: None) | _machine(prepared)


def race(request: Request) -> dict[str, Any]:
    """A whole training of these essays, scored on those that are held out."""
    prepared = Prepared(request)
    model, data = prepared.model, prepared.data
    trainer = Trainer(prepared)
    ends = sorted(data.schedule.evaluations | {data.schedule.total})
    figures = clock.race(
        trainer.steps(data.schedule.total),
        ends,
        trainer.wait,
        lambda: data.loss(model.predict(trainer.state.params, data)),
    )
    elements = prepared.windows.elements(prepared.windows.held)
    return figures | {"elements": elements} | _machine(prepared)


def _machine(prepared: Prepared) -> dict[str, Any]:
    """Memory, device and versions."""
    device = prepared.devices[0]
    peak = (device.memory_stats() or {}).get("peak_bytes_in_use")
    return {
        "megabytes": peak / 2**20 if peak else peak_megabytes(),
        "device": device.device_kind,
        "versions": {name: version(name) for name in ("jax", "flax")},
    }


if __name__ == "__main__":
    answer({"train": train, "epoch": epoch, "predict": predict, "race": race})
