"""Dynamic loss scaling, for activations in float16 (Micikevicius et al., 2018, section 3.2).

float16's smallest number is 6e-8, and many gradients of activations are smaller. The loss is
multiplied by a scale before it is differentiated and the gradient divided by it afterwards, in
float32. Where the scale is too large for a batch the gradient is not finite, and the step is
skipped: parameters and the optimizer's moments stay, the count for Adam's bias correction too, as
if the batch had not been drawn. It is used up all the same and the step is counted, so that plan,
dropout and learning rates are those of a run that skips nothing, whatever it skips.

flax.training.dynamic_scale has this rule, but inside its own `value_and_grad`: it averages the
gradients of devices, where a step here adds sums up and divides once, and it would judge each part
of an accumulated step by itself. optax.apply_if_finite skips, but has no scale.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

INITIAL = 2.0**16
"""As PyTorch's `GradScaler(init_scale=65536)` and NVIDIA Apex begin."""
GROWTH_INTERVAL = 2000
"""Steps in a row without overflow after which the scale doubles; of the same two."""
LARGEST = 2.0**24
"""Apex's `max_loss_scale`."""
LEAST = 2.0**-13
"""The last power of two above fairseq's `--min-loss-scale 1e-4`, below which it ends a run too."""


class LossScale(NamedTuple):
    """The scale and its history: a part of a run's state, so a resumed run goes on with it.

    Attributes:
      scale: a power of two, so that to multiply and divide by it rounds nothing.
      good: steps in a row without overflow since the scale last changed.
      skipped: steps of the whole run that were skipped.
    """

    scale: Float[Array, ""]
    good: Int[Array, ""]
    skipped: Int[Array, ""]

    def after(self, finite: Bool[Array, ""]) -> "LossScale":
        """Return the next step's: half after an overflow, twice after enough steps without."""
        good = self.good + 1
        grows = good == GROWTH_INTERVAL
        larger = jnp.where(grows, jnp.minimum(2.0 * self.scale, LARGEST), self.scale)
        return LossScale(
            scale=jnp.where(finite, larger, 0.5 * self.scale),
            good=jnp.where(finite & ~grows, good, 0),
            skipped=jnp.where(finite, self.skipped, self.skipped + 1),
        )

    @property
    def exhausted(self) -> bool:
        """True on the host where so many steps in a row were skipped that no scale will do."""
        return float(self.scale) < LEAST


class Scaled(NamedTuple):
    """The state of an optimizer that has a scale.

    It stands in here, and not in the run's state, so that the checkpoints of runs without a scale
    keep their form: a field of None would be noted in them.

    Attributes:
      scaling: of the loss.
      inner: the optimizer's own state.
    """

    scaling: LossScale
    inner: Any


def scaled(
    optimizer: optax.GradientTransformationExtraArgs, initial: float = INITIAL
) -> optax.GradientTransformationExtraArgs:
    """Wrap an optimizer: a gradient that is not finite changes nothing but the scale.

    Args:
      optimizer: takes the gradient that is divided by the scale already.
      initial: the scale before the first step, a power of two.
    """

    def init(params: Any) -> Scaled:
        zero = jnp.zeros((), jnp.int32)
        scaling = LossScale(jnp.asarray(initial, jnp.float32), zero, zero)
        return Scaled(scaling, optimizer.init(params))

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Scaled]:
        # One entry that is not finite, in whichever part and on whichever device, makes the sum and
        # so the norm not finite, and that on all devices.
        finite = jnp.isfinite(optax.tree.norm(updates))
        changes, inner = optimizer.update(updates, state.inner, params, **extra)
        # Added to a number, -0.0 alone leaves each its bits, -0.0 among them.
        changes = jax.tree.map(lambda leaf: jnp.where(finite, leaf, -0.0), changes)
        inner = jax.tree.map(lambda new, old: jnp.where(finite, new, old), inner, state.inner)
        return changes, Scaled(state.scaling.after(finite), inner)

    return optax.GradientTransformationExtraArgs(init, update)


def for_dtype(
    optimizer: optax.GradientTransformationExtraArgs, dtype: str
) -> optax.GradientTransformationExtraArgs:
    """Give an optimizer a scale where activations are float16; bfloat16 has float32's range."""
    return scaled(optimizer) if dtype == "float16" else optimizer


def of(moments: Any) -> LossScale | None:
    """Return the scale that an optimizer's state has, if it has any."""
    return moments.scaling if isinstance(moments, Scaled) else None


def differentiated(loss_sum: Callable[..., Any], scaling: LossScale | None) -> Callable[..., Any]:
    """Make the function that returns (loss, weight) and the gradient, times the scale.

    The scale multiplies a part's sum of losses, not their mean: so the gradient of an activation
    doesn't shrink with the number of elements beside it.

    Args:
      loss_sum: from parameters, a batch and a key to the sums of losses and of weights.
      scaling: of the loss; None for none.
    """
    if scaling is None:
        return jax.value_and_grad(loss_sum, has_aux=True)

    def scaled(*inputs: Any) -> tuple[Array, tuple[Array, Array]]:
        loss, weight = loss_sum(*inputs)
        return loss * scaling.scale, (loss, weight)

    def both(*inputs: Any) -> tuple[tuple[Array, Array], Any]:
        gradient, sums = jax.grad(scaled, has_aux=True)(*inputs)
        return sums, gradient

    return both


def figures(moments: Any) -> dict[str, int]:
    """Return what a run's record says of its scale; nothing for a run without one."""
    found = of(moments)
    return {} if found is None else {"skipped": int(found.skipped)}
