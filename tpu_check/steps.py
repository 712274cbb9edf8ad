"""The project's own train and predict steps, compiled from shapes alone."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import unflatten_dict

from pipeline import devices as machine
from pipeline.encoders.config import Settings
from pipeline.encoders.head import TokenClassifier, build, name_classes
from pipeline.encoders.weights.folders import parameter_shapes, table
from pipeline.inference.predictor import Predictor
from pipeline.inputs.packing import Batch
from pipeline.params import Rows, Train
from pipeline.platforms import rows_per_device
from pipeline.training.optimizer import adamw
from pipeline.training.step import TrainState, train_step
from tpu_check.hlo import Module, parse


class DoesNotFitError(Exception):
    """The compiler found no way to place the step in HBM; holds what it said."""


@dataclass(frozen=True)
class Compiled:
    """A step as the TPU will run it.

    Attributes:
      seconds: that the compiler took, tracing and lowering apart.
      processor: of all processors together, which a busy machine does not lengthen.
      memory: bytes of one core's HBM: arguments, temporaries, results and the program.
      arguments: the part of it that the step is called with: state and batch.
      temporary: the part that is neither argument, result nor program.
      module: its instructions.
      optimal: XLA's `optimal_seconds`, loop bodies once.
      accessed: XLA's bytes accessed, loop bodies once and all of what a gather may touch.
    """

    seconds: float
    processor: float
    memory: int
    arguments: int
    temporary: int
    module: Module
    optimal: float
    accessed: float


def compiled(step: Callable[..., Any], *arguments: Any) -> Compiled:
    """Compile a parallel function for shapes.

    Raises:
      DoesNotFitError: it needs more HBM than a core has.
    """
    lowered = step.lower(*arguments)  # type: ignore[attr-defined]
    began = (time.monotonic(), time.process_time())
    try:
        program = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            raise DoesNotFitError(_said(str(error))) from None
        raise
    seconds, processor = time.monotonic() - began[0], time.process_time() - began[1]
    use = program.memory_analysis()
    memory = (
        use.argument_size_in_bytes
        + use.output_size_in_bytes
        - use.alias_size_in_bytes
        + use.temp_size_in_bytes
        + use.generated_code_size_in_bytes
    )
    costs = program.cost_analysis()
    text = program.as_text()
    return Compiled(
        seconds=seconds,
        processor=processor,
        memory=memory,
        arguments=use.argument_size_in_bytes,
        temporary=use.temp_size_in_bytes,
        module=parse(text),
        optimal=float(costs.get("optimal_seconds", 0.0)),
        accessed=float(costs.get("bytes accessed", 0.0)),
    )


def _said(message: str) -> str:
    """The compiler's own sentence on what is needed."""
    lines = [line for line in message.splitlines() if "Used " in line]
    return " ".join((lines or message.splitlines())[0].split())


def train(model: TokenClassifier, options: Train, cores: Sequence[machine.Device]) -> Compiled:
    """Compile a model's train step as the trainer makes it: under `pmap`, its state donated."""
    optimizer = adamw(options.optimizer, table(model), model.config.layers)
    step = train_step(model, optimizer, options)
    step = machine.parallel(step, cores, replicated_out=True, donate=True)

    def create(params: Any) -> TrainState:
        return TrainState.create(params, optimizer, 1, 0)

    state = jax.eval_shape(create, parameters(model))
    return compiled(step, state, batch(options.rows, len(cores), options.accumulation))


def predict(model: TokenClassifier, rows: Rows, cores: Sequence[machine.Device]) -> Compiled:
    """Compile a model's predict step."""
    step = Predictor(model, cores, rows).step
    return compiled(step, parameters(model), batch(rows, len(cores), 1))


def classifier(encoder: str, fields: Mapping[str, Any], settings: Settings) -> TokenClassifier:
    """The model of a config.json, for three classes."""
    whole = {**fields, **name_classes("abc")}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(whole), encoding="utf-8")
        return build(Path(folder), encoder, settings)


def parameters(model: TokenClassifier) -> Any:
    """The tree of a model's parameters as shapes."""
    leaves = {
        path: jax.ShapeDtypeStruct(shape, jnp.float32)
        for path, shape in parameter_shapes(model).items()
    }
    return unflatten_dict(leaves, sep="/")


def batch(rows: Rows, cores: int, accumulation: int) -> Batch:
    """A step's batch as shapes, split over cores and accumulation.

    Raises:
      UserError: the rows don't divide evenly.
    """
    own = rows_per_device(rows.per_step, cores, accumulation)

    def shape(dtype: Any, *rest: int) -> Any:
        return jax.ShapeDtypeStruct((cores, accumulation, own, *rest), dtype)

    tokens, slots = shape(jnp.int32, rows.length), shape(jnp.int32, rows.slots)
    return Batch(
        ids=tokens,
        segment=tokens,
        position=tokens,
        slot=tokens,
        label=slots,
        weight=shape(jnp.float32, rows.slots),
        element=slots,
        row=shape(jnp.int32),
    )
