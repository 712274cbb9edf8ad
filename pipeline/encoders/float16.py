"""Gradients of what computes in float16, by way of float32 where float16 would lose them.

float16 ends at 65,504 and has eleven bits. A sum over all tokens of a batch, as the gradient of a
parameter is one, leaves both behind; and the derivative of an activation is a product of factors of
which one may be infinite where another is zero. What goes forward is as in every other dtype.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


@jax.custom_vjp
def product(
    x: Float[Array, "*batch"], kernel: Float[Array | np.ndarray, "*axes features"]
) -> Float[Array, "*outer features"]:
    """Contract the last axes of float16 `x` with the first ones of a float32 kernel, in float16."""
    return jnp.tensordot(x, kernel.astype(x.dtype), kernel.ndim - 1)


def _product_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return product(x, kernel), (x, kernel)


def _product_backward(saved: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    x, kernel = saved
    axes = tuple(range(cotangent.ndim - 1))
    of_kernel = jnp.tensordot(x, cotangent, (axes, axes), preferred_element_type=jnp.float32)
    return jnp.tensordot(cotangent, kernel.astype(x.dtype), ((-1,), (-1,))), of_kernel


product.defvjp(_product_forward, _product_backward)


@jax.custom_vjp
def add_bias(
    x: Float[Array, "*batch features"], bias: Float[Array | np.ndarray, "features"]
) -> Float[Array, "*batch features"]:
    """Add a float32 bias to float16 `x`, in float16."""
    return x + bias.astype(x.dtype)


def _add_bias_backward(_: None, cotangent: Array) -> tuple[Array, Array]:
    return cotangent, cotangent.sum(tuple(range(cotangent.ndim - 1)), dtype=jnp.float32)


add_bias.defvjp(lambda x, bias: (add_bias(x, bias), None), _add_bias_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def apply(function: Callable[[Any], Any], x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Apply an activation function to float16 `x`."""
    return function(x)


def _apply_forward(function: Callable[[Any], Any], x: Array) -> tuple[Array, Array]:
    return function(x), x


def _apply_backward(function: Callable[[Any], Any], x: Array, cotangent: Array) -> tuple[Array]:
    _, pull = jax.vjp(function, x.astype(jnp.float32))
    return (pull(cotangent.astype(jnp.float32))[0].astype(x.dtype),)


apply.defvjp(_apply_forward, _apply_backward)
