"""One training step: a pure function of (state, batch), written for one device's share.

`psum` over `AXIS` is the only thing it knows of other devices; `pipeline/devices.py` has the
`pmap` around it.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, UInt32

from pipeline.devices import AXIS
from pipeline.encoders.head import TokenClassifier, slot_means
from pipeline.encoders.weights.folders import table
from pipeline.inputs.packing import Batch
from pipeline.params import Perturbation, Train
from pipeline.training import loss_scale, perturbation
from pipeline.training.masking import Masking


class TrainState(NamedTuple):
    """Replicated on every device; a step maps one to the next.

    Attributes:
      step: steps done so far.
      total: steps of all epochs, which the schedule needs.
      key: raw data of the key that every dropout key is folded from.
      params: float32 whatever the activations are.
      moments: the optimizer's own state; with the scale of the loss where it has one.
    """

    step: Int[Array, ""]
    total: Int[Array, ""]
    key: UInt32[Array, "2"]
    params: Any
    moments: Any

    @classmethod
    def create(
        cls, params: Any, optimizer: optax.GradientTransformation, total: int, seed: int
    ) -> "TrainState":
        """Make the state before the first step."""
        return cls(
            step=jnp.zeros((), jnp.int32),
            total=jnp.asarray(total, jnp.int32),
            key=jax.random.key_data(jax.random.key(seed)),
            params=params,
            moments=jax.jit(optimizer.init)(params),  # eagerly, each shape would compile
        )


class StepMetrics(NamedTuple):
    """The figures of one step, the same on every device."""

    loss: Float[Array, ""]  # weighted mean over the whole global batch
    norm: Float[Array, ""]  # global norm of the gradient before clipping
    scaling: loss_scale.LossScale | None = None  # of the loss after the step, if it has any


Step = Callable[[TrainState, Batch], tuple[TrainState, StepMetrics]]
OFF = Perturbation()
LossSum = Callable[[Any, Batch, Array], tuple[Array, Array]]
"""Parameters, rows and the step's key to the sums of the weighted losses and of the weights."""


def train_step(
    model: TokenClassifier,
    optimizer: optax.GradientTransformationExtraArgs,
    options: Train,
    masking: Masking | None = None,
) -> Step:
    """Make the step of one model.

    The batch that it takes is [accumulation, rows, ...]. Loss and weight are summed over
    accumulation and devices and divided once, then the gradient is clipped:
    `optax.MultiSteps` would average means, which is something else.

    Args:
      model: the network.
      optimizer: gradients in, changes of the parameters out.
      options: of the model's training.
      masking: what replaces words by the mask token, None for nothing.
    """

    def loss_sum(params: Any, batch: Batch, key: Array) -> tuple[Array, Array]:
        # By the row's number in the plan, never by the device: a row draws the same mask wherever
        # it lies, so one, two and eight devices train alike.
        row_keys = jax.vmap(jax.random.fold_in, (None, 0))(key, batch.row)
        ids = batch.ids if masking is None else masking.mask(batch, key)
        logits = model.apply(
            {"params": params},
            ids,
            batch.segment,
            batch.position,
            row_keys,
            # What all rows share, as DeBERTa's relative positions, drops by one key for the step.
            rngs={"batch": key},
        )
        means = slot_means(cast(Array, logits), batch.slot, batch.weight.shape[-1])
        return cross_entropy_sum(means, batch.label, batch.weight, options.label_smoothing)

    perturb = perturbation.of(options.perturbation, table(model))
    return step_of(loss_sum, optimizer, perturb, options.perturbation)


def step_of(
    loss_sum: LossSum,
    optimizer: optax.GradientTransformationExtraArgs,
    perturb: perturbation.Perturb | None = None,
    moves: Perturbation = OFF,
) -> Step:
    """Make the step that follows the gradient of a loss; see `train_step`.

    Args:
      loss_sum: the loss.
      optimizer: gradients in, changes of the parameters out.
      perturb: moves the parameters before the gradient is taken, None for not at all.
      moves: when that begins.
    """

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, StepMetrics]:
        # The step's number is in the state, so a resumed run draws what it would have drawn.
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
        scaling = loss_scale.of(state.moments)

        def part(params: Any, batch: Batch) -> Any:
            """Loss, weight and gradient, summed over the rows of one part."""
            differentiate = loss_scale.differentiated(loss_sum, scaling)
            (loss, weight), gradient = differentiate(params, batch, key)
            return loss, weight, gradient

        def mean(params: Any) -> Any:
            """Loss and weight, summed over the whole batch, and its mean gradient."""
            # Packed rows hold different numbers of elements, so a mean of the devices' means would
            # be wrong: sums go through `psum`, and one division follows.
            sums = _accumulate(functools.partial(part, params), batch)
            loss, weight, gradient = jax.lax.psum(sums, AXIS)
            # A batch whose elements all weigh nothing must not become a division by zero.
            weight = jnp.maximum(weight, 1e-6)
            over = weight if scaling is None else weight * scaling.scale
            return loss, weight, jax.tree.map(lambda leaf: leaf / over, gradient)

        if perturb is None:
            loss, weight, gradient = mean(state.params)
        else:
            late = perturbation.has_begun(moves, state.step, state.total)
            loss, weight, gradient = perturbation.twice(mean, perturb, state.params, late)
        # The optimizer clips, and does so after the division: the norm of a sum would depend on how
        # many elements the batch happens to hold.
        changes, moments = optimizer.update(
            gradient, state.moments, state.params, step=state.step, total=state.total
        )
        params = optax.apply_updates(state.params, changes)
        metrics = StepMetrics(
            loss / weight, optax.tree.norm(gradient), scaling=loss_scale.of(moments)
        )
        return state._replace(step=state.step + 1, params=params, moments=moments), metrics

    return step


def cross_entropy_sum(
    logits: Float[Array, "rows slots labels"],
    label: Int[Array | np.ndarray, "rows slots"] | Float[Array | np.ndarray, "rows slots labels"],
    weight: Float[Array | np.ndarray, "rows slots"],
    smoothing: float,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Sum of weighted cross entropies, and the sum of the weights.

    A mean per device followed by a mean of means would be wrong, since packed rows hold
    different numbers of elements; both sums can be added over devices and accumulation.

    Args:
      logits: of each slot.
      label: a class, any valid one where the weight is zero; or a probability of each class, which
        is taken as it is.
      weight: an element's share in this slot; zero for a slot that is not used.
      smoothing: probability spread evenly over all labels (Szegedy et al., 2016).
    """
    if label.ndim == logits.ndim:
        target = jnp.asarray(label)
    else:
        target = smoothed(jax.nn.one_hot(label, logits.shape[-1]), smoothing)
    losses = -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)
    return jnp.sum(losses * weight), jnp.sum(weight)


def smoothed(
    target: Float[Array | np.ndarray, "*rows labels"], smoothing: float
) -> Float[Array | np.ndarray, "*rows labels"]:
    """Spread a share of each target evenly over all labels, which the last axis has."""
    return target * (1.0 - smoothing) + smoothing / target.shape[-1]


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
