"""The masked language model of one run on its devices: its state, its steps, its figures."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from pipeline import devices as machine
from pipeline import paths
from pipeline.devices import AXIS
from pipeline.encoders.head import build
from pipeline.encoders.masked import MaskedLanguageModel, masked_language_model
from pipeline.encoders.weights import masked_heads
from pipeline.encoders.weights.folders import table
from pipeline.inputs.packing import Batch
from pipeline.platforms import rows_per_device
from pipeline.pretraining.job import PretrainJob
from pipeline.training import loss_scale
from pipeline.training.encoder_settings import encoder_settings
from pipeline.training.history import Validation
from pipeline.training.optimizer import adamw
from pipeline.training.step import LossSum, Step, TrainState, step_of


class Figures(NamedTuple):
    """Sums over predicted tokens."""

    loss: Float[Array, ""]
    weight: Float[Array, ""]
    right: Float[Array, ""]


class PretrainModel:
    """One run's model and optimizer, ready to run on `devices`.

    Attributes:
      classifier: the token classifier of the same encoder, which knows its weights' names.
      form: of the head.
      has_head: whether the checkpoint had one; else it is drawn.
      model: the masked language model.
    """

    def __init__(self, job: PretrainJob, devices: Sequence[machine.Device]) -> None:
        """Build the model of the backbone's config.

        Raises:
          UserError: the config is missing or not the encoder's, or the rows don't divide over the
            devices.
        """
        rows_per_device(job.train.rows.per_step, len(devices), job.train.accumulation)
        self._job, self.devices = job, devices
        self._backbone = paths.backbone(job.model)
        self.settings = encoder_settings(job.compute, job.train, devices[0].device_kind)
        self.classifier = build(self._backbone, job.encoder, self.settings)
        config = self.classifier.config
        self.form, self.has_head = masked_heads.form_of(self._backbone, config)
        self.model = masked_language_model(self.classifier, self.form, self.settings)
        optimizer = adamw(job.train.optimizer, table(self.classifier), config.layers)
        self._optimizer = loss_scale.for_dtype(optimizer, job.compute.dtype)
        figures = figures_of(self.model)
        self._figures = machine.parallel(figures, devices, replicated_out=True)

    def initial_state(self, total: int) -> TrainState:
        """Make the state before the first of `total` steps, replicated."""
        params = masked_heads.load(self._backbone, self.classifier, self._job.seed("head"))
        seed = self._job.seed("dropout")
        state = TrainState.create(params, self._optimizer, total, seed)
        return machine.replicate(state, self.devices)

    def step(self) -> Step:
        """Make the parallel train step; its state argument is donated."""
        loss_sum = masked_loss_sum(self.model, self._job.train.label_smoothing)
        step = step_of(loss_sum, self._optimizer)
        return machine.parallel(step, self.devices, replicated_out=True, donate=True)

    def measure(self, params: Any, batches: Iterable[Batch]) -> Validation:
        """Return the mean loss and the accuracy over the masked tokens of some batches.

        Args:
          params: replicated.
          batches: masked.
        """
        sums = [0.0, 0.0, 0.0]
        for batch in batches:
            found = self._figures(params, machine.split(batch, len(self.devices)))
            # In Python's floats: the same order of additions, whatever the devices.
            sums = [s + float(f) for s, f in zip(sums, found, strict=True)]
        loss, weight, right = sums
        return Validation(loss / max(weight, 1.0), right / max(weight, 1.0))


def masked_loss_sum(model: MaskedLanguageModel, smoothing: float) -> LossSum:
    """Make the sum of losses of a training step's rows; see `train_step`."""

    def loss_sum(params: Any, batch: Batch, key: Array) -> tuple[Array, Array]:
        # As in a fold's step: by the row's number, so that any number of devices trains alike.
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, batch.row)
        rngs = {"batch": key}
        logits = model.apply({"params": params}, *_inputs(batch), keys, batch.element, rngs=rngs)
        losses = token_losses(cast(Array, logits), batch.label, smoothing)
        return jnp.sum(losses * batch.weight), jnp.sum(batch.weight)

    return loss_sum


def figures_of(model: MaskedLanguageModel) -> Any:
    """Make the function of (parameters, one device's masked rows) that measures without dropout."""

    def figures(params: Any, share: Batch) -> Figures:
        batch: Batch = jax.tree.map(lambda array: array[0], share)
        logits = model.apply({"params": params}, *_inputs(batch), None, batch.element)
        losses = token_losses(cast(Array, logits), batch.label, 0.0)
        right = jnp.argmax(cast(Array, logits), axis=-1) == batch.label
        sums = losses * batch.weight, batch.weight, right * batch.weight
        return Figures(*jax.lax.psum([jnp.sum(one) for one in sums], AXIS))

    return figures


def _inputs(batch: Batch) -> tuple[Any, Any, Any]:
    return batch.ids, batch.segment, batch.position


def token_losses(
    logits: Float[Array, "rows slots words"],
    label: Int[Array | np.ndarray, "rows slots"],
    smoothing: float,
) -> Float[Array, "rows slots"]:
    """Return the cross entropy of each slot.

    Args:
      logits: of all words.
      label: the right one; any valid one where nothing is asked.
      smoothing: probability spread evenly over all words (Szegedy et al., 2016).
    """
    # By index: one-hot labels over a whole vocabulary would take as much memory as the logits.
    total = jax.nn.logsumexp(logits, axis=-1)
    own = jnp.take_along_axis(logits, jnp.asarray(label)[..., None], axis=-1)[..., 0]
    losses = total - own
    if smoothing:
        losses = (1.0 - smoothing) * losses + smoothing * (total - logits.mean(axis=-1))
    return losses
