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
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Tree = TypeVar("Tree")

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

    @classmethod
    def create(cls, dtype: str, initial: float = INITIAL) -> "LossScale | None":
        """Make that of a run before its first step; None for a dtype that needs none.

        Args:
          dtype: of activations. bfloat16 has the range of float32.
          initial: the scale, a power of two.
        """
        if dtype != "float16":
            return None
        return cls(
            scale=jnp.asarray(initial, jnp.float32),
            good=jnp.zeros((), jnp.int32),
            skipped=jnp.zeros((), jnp.int32),
        )

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


def chosen(finite: Bool[Array, ""], new: Tree, old: Tree) -> Tree:
    """Return `new` where a step's figures are finite, else `old`, to the bit."""
    return jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, old)


def figures(found: LossScale | None) -> dict[str, Any]:
    """Return the figures of a run that a record of it holds; none for a run without a scale."""
    return {} if found is None else {"skipped": int(found.skipped)}
