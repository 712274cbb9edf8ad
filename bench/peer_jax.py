"""This project's own step on the windows of bench/train_vs_torch.py; prints JSON."""

import dataclasses
import itertools
import json
import resource
import sys

import jax
import numpy as np

from pipeline import devices as machine
from pipeline import params
from pipeline.inputs.packing import plan
from pipeline.training.loop import Meter
from stages.train import read_job


def main(model: str, path: str, steps: int) -> None:
    """Train `steps` steps after the first one and print the speed."""
    from pipeline.training.setting import Setting

    job = read_job(None, ["--model", model, "--fold", "0"])
    devices = machine.start(job.compute)
    setting = Setting(job, devices)
    with np.load(path) as arrays:
        chosen = arrays["chosen"]
    tokens = setting.tokens
    order = plan(tokens.lengths[chosen], tokens.n_slots[chosen], job.train.rows, seed=1)
    schedule = dataclasses.replace(setting.schedule, windows=chosen, plans=[order] * 50)
    state, step, meter = setting.initial_state(), setting.step(), Meter()
    for batch in itertools.islice(schedule.batches(0), steps + 1):
        state, metrics = step(state, machine.split(batch, len(devices), job.train.accumulation))
        jax.block_until_ready(metrics)
        meter.count(int(np.count_nonzero(batch.segment)))
    figures = {
        "tokens_per_second": meter.rate,
        "first_step": meter.first_step,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    params.load()
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
