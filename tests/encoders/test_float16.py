"""Every encoder's logits in float16, under every attention, at the magnitudes of real ones."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from pipeline.encoders.layers import activation
from tests.encoders.test_every_encoder import BATCH, forward, keys, made, packed, written
from tests.encoders.tiny import CONFIGS

EPSILON = float(jnp.finfo(jnp.float16).eps)
LARGEST = float(jnp.finfo(jnp.float16).max)

# cuDNN's form is taken in bfloat16 alone, see `default_attention`.
FORMS = ("xla", "blocked", "fused")

pytestmark = pytest.mark.usefixtures("any_platform")


@pytest.fixture(params=CONFIGS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(request.param, tmp_path_factory.getbasetemp())


def grown(params: Mapping[str, Any], factor: float) -> Any:
    """Feed-forward layers whose inner activations are so many times as large.

    What they add to the residual stays of the same size.
    """
    leaves = flatten_dict(params, sep="/")
    for name, leaf in leaves.items():
        if re.search(r"/intermediate/(kernel|bias)$", name):
            leaves[name] = leaf * np.float32(factor)
        elif re.search(r"/feed_forward/input/kernel$", name):
            # What is gated and the gate, whose product goes on.
            leaves[name] = leaf * np.float32(factor**0.5)
        elif re.search(r"/(feed_forward|layers|blocks/\d+|layer_\d+)/output/kernel$", name):
            leaves[name] = leaf / np.float32(factor)
    return unflatten_dict(leaves, sep="/")


def both(folder: Path, attention: str, factor: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Logits in float16 and float32, and the number of layers."""
    model, params = made(folder, dtype="float16", attention=attention)
    exact, _ = made(folder)
    params = grown(params, factor)
    return (
        forward(model, params, packed()),
        forward(exact, params, packed()),
        model.config.layers,
    )


@pytest.mark.parametrize("attention", FORMS)
def test_logits_are_finite_and_near_those_of_float32(folder: Path, attention: str):
    """With activations of thousands, and a second row of nothing but padding."""
    halves, whole, layers = both(folder, attention, 2.0**11)
    assert halves.dtype == np.float32
    error = np.abs(halves - whole).max()
    # A layer rounds its activations about sixteen times, each by up to half an epsilon.
    assert 0 < error < 8 * layers * EPSILON * np.abs(whole).max()


def test_what_float16_can_not_hold_is_seen_in_the_logits(folder: Path):
    halves, whole, _ = both(folder, "xla", 2.0**17)
    assert np.isfinite(whole).all()
    assert not np.isfinite(halves[0]).all()


@pytest.mark.parametrize("name", ["gelu", "gelu_new", "relu", "silu", "tanh"])
def test_activations_are_right_up_to_the_largest_number(name: str):
    x = np.array([-LARGEST, -3000.0, -50.0, -2.0, 0.0, 2.0, 50.0, 3000.0, LARGEST], np.float16)
    found = np.asarray(jax.jit(activation(name))(jnp.asarray(x)))
    exact = np.asarray(activation(name)(jnp.asarray(x, jnp.float32)))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, exact, rtol=2 * EPSILON, atol=2 * EPSILON)


@pytest.mark.parametrize("name", ["gelu", "gelu_new", "relu", "silu", "tanh"])
def test_derivatives_of_activations_are_right_up_to_the_largest_number(name: str):
    """A cotangent times an activation overflows where the factor behind it is zero."""
    x = np.array([-LARGEST, -3000.0, -50.0, -2.0, 0.5, 2.0, 50.0, 300.0, LARGEST], np.float16)

    def slope(x: jax.Array, cotangent: float) -> np.ndarray:
        _, pull = jax.vjp(activation(name), x)
        return np.asarray(pull(jnp.full_like(x, cotangent))[0])

    found, exact = slope(jnp.asarray(x), 64.0), slope(jnp.asarray(x, jnp.float32), 64.0)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, exact, rtol=EPSILON, atol=64 * EPSILON)


def gradients(folder: Path, dtype: str, attention: str, factor: float, scale: float) -> Any:
    """Gradients of a function of the logits, dropout on, by way of a loss that is scaled."""
    model, params = made(folder, dtype=dtype, attention=attention)

    def loss(params: Any) -> jax.Array:
        logits = model.apply({"params": params}, *packed(), keys(2), rngs=BATCH)
        return scale * jnp.sum(jnp.sin(jnp.asarray(logits)))

    return jax.tree.map(lambda g: g / scale, jax.jit(jax.grad(loss))(grown(params, factor)))


@pytest.mark.slow
def test_gradients_are_near_those_of_float32(folder: Path):
    """Under the attention that a T4 takes."""
    found = flatten_dict(gradients(folder, "float16", "xla", 2.0**8, 2.0**6), sep="/")
    whole = flatten_dict(gradients(folder, "float32", "xla", 2.0**8, 1.0), sep="/")
    layers = made(folder)[0].config.layers
    for path, leaf in whole.items():
        # A bias of the keys moves all scores of a query alike: its gradient is zero but for what
        # is rounded.
        largest = 1.0 if re.search(r"[/_]key/bias$", path) else np.abs(leaf).max()
        error = np.abs(found[path] - leaf).max()
        # Half an epsilon for each of the sixteen roundings of a layer's forward pass, and of its
        # backward pass.
        assert error < 16 * layers * EPSILON * largest, path
