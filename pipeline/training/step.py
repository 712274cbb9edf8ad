"""One training step: a pure function of (state, batch), written for one device's share.

`psum` over `AXIS` is the only thing it knows of other devices; `pipeline/devices.py` has the
`pmap` around it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from pipeline.devices import AXIS
from pipeline.encoders.head import TokenClassifier
from pipeline.encoders.pooling import slot_means
from pipeline.encoders.weights.folders import table
from pipeline.inputs.batches import Batch
from pipeline.params import Train
from pipeline.training.loss import cross_entropy_sum
from pipeline.training.optimizer import directions, rates, schedule
from pipeline.training.state import TrainState


class StepMetrics(NamedTuple):
    """The figures of one step, the same on every device."""

    loss: Float[Array, ""]  # weighted mean over the whole global batch
    norm: Float[Array, ""]  # global norm of the gradient before clipping
    rate: Float[Array, ""]  # share of the peak learning rates


def train_step(
    model: TokenClassifier, options: Train
) -> Callable[[TrainState, Batch], tuple[TrainState, StepMetrics]]:
    """Make the step of one model.

    The batch that it takes is [accumulation, rows, ...]. Loss and weight are summed over
    accumulation and devices and divided once, then the gradient is clipped:
    `optax.MultiSteps` would average means, which is something else.
    """
    optimizer, places = directions(options.optimizer), table(model)

    def loss_sum(params: Any, batch: Batch, key: Array) -> tuple[Array, Array]:
        # By the row's number in the plan, never by the device: a row draws the same mask wherever
        # it lies, so one, two and eight devices train alike.
        row_keys = jax.vmap(jax.random.fold_in, (None, 0))(key, batch.row)
        logits = model.apply(
            {"params": params},
            batch.ids,
            batch.segment,
            batch.position,
            row_keys,
            # What all rows share, as DeBERTa's relative positions, drops by one key for the step.
            rngs={"batch": key},
        )
        means = slot_means(cast(Array, logits), batch.slot, batch.label.shape[-1])
        return cross_entropy_sum(means, batch.label, batch.weight, options.label_smoothing)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, StepMetrics]:
        # The step's number is in the state, so a resumed run draws what it would have drawn.
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)

        def part(batch: Batch) -> Any:
            """Loss, weight and gradient, summed over the rows of one part."""
            differentiate = jax.value_and_grad(loss_sum, has_aux=True)
            (loss, weight), gradient = differentiate(state.params, batch, key)
            return loss, weight, gradient

        # Packed rows hold different numbers of elements, so a mean of the devices' means would be
        # wrong: sums go through `psum`, and one division follows.
        sums = _accumulate(part, batch)
        loss, weight, gradient = jax.lax.psum(sums, AXIS)
        # A batch whose elements all weigh nothing must not become a division by zero.
        weight = jnp.maximum(weight, 1e-6)
        gradient = jax.tree.map(lambda leaf: leaf / weight, gradient)
        # The optimizer clips, and does so after the division: the norm of a sum would depend on how
        # many elements the batch happens to hold.
        update, moments = optimizer.update(gradient, state.moments, state.params)
        rate = schedule(state.step, state.total, options.optimizer)
        # Rates come in here, leaf by leaf: the moments know nothing of layers or schedule.
        params = jax.tree.map(
            lambda leaf, peak, direction: leaf - rate * peak * direction,
            state.params,
            rates(state.params, places, model.config.layers, options.optimizer),
            update,
        )
        metrics = StepMetrics(loss / weight, optax.tree.norm(gradient), rate)
        return state._replace(step=state.step + 1, params=params, moments=moments), metrics

    return step


def _accumulate(part: Callable[[Batch], Any], batch: Batch) -> Any:
    """Sum `part` over the leading axis; one alone needs neither zeros nor a loop."""
    first = jax.tree.map(lambda array: array[0], batch)
    if batch.ids.shape[0] == 1:
        return part(first)

    def add(sums: Any, batch: Batch) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, sums, part(batch)), None

    shapes = jax.eval_shape(part, first)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return jax.lax.scan(add, zeros, batch)[0]
