"""The dense layer, with products in the forms that XLA has fast kernels for on CPUs."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float


class Dense(nn.Module):
    """A layer as `flax.linen.Dense`, with float32 parameters of the same names and initial values.

    Attributes:
      features: width of the output.
      std: of the kernel's initial values, as Hugging Face's checkpoints have it.
      dtype: of the product's sides and of the output; sums are in float32.
      use_bias: whether a bias is added.
    """

    features: int
    std: float
    dtype: DTypeLike
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch features"]:
        """Apply the layer to the last axis."""
        initial = nn.initializers.normal(self.std)
        kernel = self.param("kernel", initial, (x.shape[-1], self.features), jnp.float32)
        bias = None
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), jnp.float32)
        flat = x.reshape(-1, x.shape[-1]).astype(self.dtype)
        # The form is chosen when the program is lowered, not by the machine that traces it: a CPU
        # that compiles for a TPU takes the TPU's form.
        made = lax.platform_dependent(flat, kernel, bias, cpu=_affine, default=_plain)
        return made.reshape(*x.shape[:-1], self.features)


def _plain(x: Any, kernel: Any, bias: Any) -> Array:
    product = x @ kernel.astype(x.dtype)
    return product if bias is None else product + bias.astype(x.dtype)


@jax.custom_vjp
def _affine(x: Any, kernel: Any, bias: Any) -> Array:
    """Do the same on CPUs, where products of bfloat16 are fast only if they give float32."""
    product = jnp.dot(x, kernel.astype(x.dtype), preferred_element_type=jnp.float32)
    return (product if bias is None else product + bias).astype(x.dtype)


def _forward(x: Any, kernel: Any, bias: Any) -> tuple[Array, tuple[Any, ...]]:
    return _affine(x, kernel, bias), (x, kernel, bias)


def _backward(residuals: tuple[Any, ...], cotangent: Any) -> tuple[Any, Any, Any]:
    """Return the gradients of input, kernel and bias.

    One product gives those of the kernel and the bias, with a row of ones for the bias. The row
    also keeps XLA from folding the transpose into the product, which would then go to a kernel of
    half the speed.
    """
    x, kernel, bias = residuals
    of_x = lax.dot_general(
        cotangent,
        kernel.astype(x.dtype),
        (((1,), (1,)), ((), ())),
        preferred_element_type=jnp.float32,
    )
    turned = jnp.concatenate([x.T, jnp.ones((1, len(x)), x.dtype)])
    both = jnp.dot(turned, cotangent, preferred_element_type=jnp.float32)
    return of_x.astype(x.dtype), both[:-1], None if bias is None else both[-1]


_affine.defvjp(_forward, _backward)
