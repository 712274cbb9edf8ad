"""Folds at once against one after another: python -m bench.folds --model minilm.

One fold's steps over all simulated devices, and as many folds as devices, each in a thread on a
device alone, in turn in one process. Both are the project's own step on params.yaml's model.
"""

import argparse
import itertools
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import jax
import numpy as np

from bench import frame, tables
from pipeline import devices as machine
from pipeline.configuration import load_configuration
from pipeline.configured_units import configured_units
from pipeline.errors import UserError, exit_with_message
from pipeline.training.fold_data import FoldData
from pipeline.training.fold_model import FoldModel
from pipeline.training.job import Job, job_of

IN_TURN = "one after another"


class Side:
    """A fold on its devices, ready to take steps."""

    def __init__(self, job: Job, devices: Sequence[machine.Device]) -> None:
        """Read the fold and build its model."""
        self._count, self._device = len(devices), devices[0]
        self._accumulation = job.train.accumulation
        with machine.alone(self._device):
            model = FoldModel(job, devices)
            self._schedule = FoldData(job, model.pad_id).schedule
            self._state, self._step = model.initial_state(self._schedule.total), model.step()
        self._done = 0

    @property
    def epoch_tokens(self) -> int:
        """Real tokens of an epoch."""
        schedule = self._schedule
        return int(schedule.tokens.lengths[schedule.windows].sum())

    def take(self, steps: int) -> int:
        """Take further steps; return their real tokens."""
        tokens = 0
        with machine.alone(self._device):
            for batch in itertools.islice(self._schedule.batches(self._done), steps):
                share = machine.split(batch, self._count, self._accumulation)
                self._state, _ = self._step(self._state, share)
                tokens += int(np.count_nonzero(batch.segment))
            jax.block_until_ready(self._state)
        self._done += steps
        return tokens


def main() -> None:
    """Print the speed of both, and what an epoch of all folds would take."""
    parser = frame.parser(__doc__ or "", rounds=3)
    frame.add_model(parser)
    parser.add_argument("--devices", type=int, default=2, help="simulated ones")
    parser.add_argument("--steps", type=int, default=6, help="of a fold, in a round")
    arguments = parser.parse_args()
    folds = len(configured_units(load_configuration()))
    with frame.fresh() as (_, environment):
        os.environ |= environment
        together, alone = _sides(arguments.model, arguments.devices)
        first, speeds = _measure(together, alone, arguments)
    tokens = together.epoch_tokens * folds
    rows = [
        [
            name,
            f"{first[name]:.1f}",
            tables.spread(speed, ",.0f"),
            tables.spread([tokens / one / 60 for one in speed], ".1f"),
            tables.spread(tables.ratios(speed, speeds[IN_TURN])),
        ]
        for name, speed in speeds.items()
    ]
    header = ("folds", "first step of all, s", "real tokens/s", "epoch of all folds, min", "times")
    print(tables.table(header, rows))
    print(tables.machine([{"device": f"{arguments.devices} simulated devices"}]))


def _sides(model: str, count: int) -> tuple[Side, list[Side]]:
    """Make the first fold over all devices, and as many folds as there are devices, one on each.

    Raises:
      UserError: there are fewer folds.
    """
    configuration = load_configuration()
    trained = configured_units(configuration)
    if len(trained) < count:
        raise UserError(f"--devices {count}: expected at most {len(trained)}, one for each fold")
    jobs = [job_of(configuration, configuration.named("models", model), unit) for unit in trained]
    devices = machine.start(replace(jobs[0].compute, devices=count))
    return Side(jobs[0], devices), [
        Side(job, [device]) for job, device in zip(jobs, devices, strict=False)
    ]


def _measure(
    together: Side, alone: Sequence[Side], options: argparse.Namespace
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Return seconds of the first steps, compilation and all, and tokens a second of each round."""
    with ThreadPoolExecutor(len(alone)) as pool:

        def at_once(steps: int) -> int:
            return sum(pool.map(lambda side: side.take(steps), alone))

        ways = {IN_TURN: together.take, "at once": at_once}
        first = {name: _timed(take, 1)[1] for name, take in ways.items()}
        speeds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, take in ways.items():
                tokens, seconds = _timed(take, options.steps)
                speeds[name].append(tokens / seconds)
    return first, speeds


def _timed(take: Callable[[int], int], steps: int) -> tuple[int, float]:
    began = time.perf_counter()
    tokens = take(steps)
    return tokens, time.perf_counter() - began


if __name__ == "__main__":
    exit_with_message(main)
