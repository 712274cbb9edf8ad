"""Encoders against arrays that torch made (see make_golden.py); needs no torch."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from pipeline.encoders.attention.disentangled import log_buckets
from pipeline.encoders.layers import activation
from tests.parity.compare import gradient_errors, load, logits_and_gradients
from tests.parity.models import GOLDEN, MODELS, Given

pytestmark = [pytest.mark.golden, pytest.mark.usefixtures("any_platform")]


@pytest.fixture(autouse=True)
def _exact_products():
    with jax.default_matmul_precision("highest"):
        yield


def given(name: str, **settings: Any) -> Given:
    folder = GOLDEN / name
    return Given(*load(folder, **settings), load_file(folder / "run.safetensors"))


@pytest.mark.parametrize("name", MODELS)
def test_modules(name: str):
    case = given(name)
    real, compared = case.run["real"], 0
    for module, ours in MODELS[name].modules(case):
        theirs = case.run[f"output:{module}"]
        np.testing.assert_allclose(
            np.asarray(ours)[real], theirs[real], rtol=1e-5, atol=1e-5, err_msg=module
        )
        compared += 1
    assert compared > case.model.config.layers


@pytest.mark.parametrize(("attention", "remat"), [("xla", "none"), ("blocked", "selective")])
@pytest.mark.parametrize("name", MODELS)
def test_whole_model(name: str, attention: str, remat: str):
    case = given(name, attention=attention, remat=remat)
    run, real = case.run, case.run["real"]
    logits, gradients = logits_and_gradients(
        case.model, case.params, run["ids"], real, run["cotangent"]
    )
    np.testing.assert_allclose(logits[real], run["output:logits"][real], rtol=0, atol=5e-5)
    theirs = {n.removeprefix("gradient:"): a for n, a in run.items() if n.startswith("gradient:")}
    assert max(gradient_errors(gradients, theirs).values()) < 1e-5


@pytest.mark.parametrize(
    "name", ["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "swish", "tanh"]
)
def test_activations_and_their_slopes(name: str):
    run = load_file(GOLDEN / "activations.safetensors")
    ours, slope = jax.vmap(jax.value_and_grad(activation(name)))(jnp.asarray(run["x"]))
    np.testing.assert_allclose(ours, run[name], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(slope, run[f"{name}:slope"], rtol=1e-5, atol=1e-5)


def test_buckets_of_relative_positions():
    golden = load_file(GOLDEN / "buckets.safetensors")
    distance = np.arange(-4096, 4097)
    for name, theirs in golden.items():
        ours = log_buckets(distance, *(int(number) for number in name.split("/")))
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    assert "256/512" in golden
