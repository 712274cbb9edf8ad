"""Seconds to compile the train step of a model with so many layers; run by bench/scaling.py."""

import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import unflatten_dict

from pipeline import devices as machine
from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.encoders.head import build
from pipeline.encoders.weights.folders import parameter_shapes, table
from pipeline.files import read_json, write_json
from pipeline.inputs.packing import Batch
from pipeline.training.encoder_settings import encoder_settings
from pipeline.training.optimizer import adamw
from pipeline.training.step import TrainState, train_step


def main(model: str, layers: int) -> None:
    """Trace and compile, without weights or data, and print the seconds of both."""
    configuration = load_configuration()
    train = configuration.read(f"models.{model}.train", params.Train)
    compute = configuration.read("compute", params.Compute)
    devices = machine.start(compute)
    with tempfile.TemporaryDirectory() as scratch:
        config = read_json(paths.backbone(model) / "config.json") | {"num_hidden_layers": layers}
        write_json(Path(scratch) / "config.json", config)
        encoder = configuration.read(f"models.{model}.encoder", str)
        settings = encoder_settings(compute, train, devices[0].device_kind)
        classifier = build(Path(scratch), encoder, settings)
    leaves = {
        tuple(path.split("/")): jax.ShapeDtypeStruct(shape, jnp.float32)
        for path, shape in parameter_shapes(classifier).items()
    }
    optimizer = adamw(train.optimizer, table(classifier), classifier.config.layers)
    state = jax.eval_shape(
        lambda tree: TrainState.create(tree, optimizer, 1, 1), unflatten_dict(leaves)
    )
    batch = machine.split(empty(train.rows), len(devices), train.accumulation)
    step: Any = machine.parallel(
        train_step(classifier, optimizer, train), devices, replicated_out=True, donate=True
    )
    began = perf_counter()
    lowered = step.lower(state, batch)
    traced = perf_counter()
    lowered.compile()
    compiled = perf_counter()
    figures = {
        "trace": traced - began,
        "compile": compiled - traced,
        "device": devices[0].device_kind,
        "versions": {"jax": jax.__version__},
    }
    print(json.dumps(figures))


def empty(rows: params.Rows) -> Batch:
    """A batch of padding."""
    tokens, slots = (rows.per_step, rows.length), (rows.per_step, rows.slots)
    whole, share = np.zeros(tokens, np.int32), np.zeros(slots, np.float32)
    label = np.zeros(slots, np.int32)
    row = np.arange(rows.per_step, dtype=np.int32)
    return Batch(whole, whole, whole, whole, label, share, label, row)


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    main(request["model"], request["layers"])
