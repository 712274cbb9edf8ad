"""Encoders against arrays that torch made (see make_golden.py); needs no torch."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from pipeline.encoders.attention import attend
from pipeline.encoders.bert import Embeddings, Layer
from pipeline.encoders.config import Settings
from pipeline.encoders.layers import activation
from tests.parity.compare import gradient_errors, load, logits_and_gradients, places

GOLDEN = Path(__file__).parent / "golden"
MODELS = ("bert", "roberta")


@pytest.fixture(autouse=True)
def _exact_products():
    with jax.default_matmul_precision("highest"):
        yield


@pytest.fixture(params=MODELS)
def golden(request: pytest.FixtureRequest) -> tuple[Path, dict[str, np.ndarray]]:
    folder = GOLDEN / request.param
    return folder, load_file(folder / "run.safetensors")


def module_close(ours: Any, theirs: np.ndarray, real: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(ours)[real], theirs[real], rtol=1e-5, atol=1e-5)


def test_embeddings(golden: tuple[Path, dict[str, np.ndarray]]):
    folder, run = golden
    model, params = load(folder)
    _, position = places(run["real"])
    ours = Embeddings(model.config, Settings()).apply(
        {"params": params["encoder"]["embeddings"]}, jnp.asarray(run["ids"]), position, None
    )
    module_close(ours, run["output:embeddings"], run["real"])


@pytest.mark.parametrize("implementation", ["xla", "blocked"])
@pytest.mark.parametrize("layer", [0, 1])
def test_attention(golden: tuple[Path, dict[str, np.ndarray]], layer: int, implementation: str):
    _, run = golden
    name = f"output:encoder.layer.{layer}.attention.self"
    heads = [
        jnp.asarray(run[f"{name}.{part}"]).reshape(*run["ids"].shape, 4, 4)
        for part in ("query", "key", "value")
    ]
    segment, _ = places(run["real"])
    ours = attend(*heads, segment, None, 0.0, implementation).reshape(run[name].shape)
    module_close(ours, run[name], run["real"])


@pytest.mark.parametrize("layer", [0, 1])
def test_layer(golden: tuple[Path, dict[str, np.ndarray]], layer: int):
    folder, run = golden
    model, params = load(folder)
    segment, _ = places(run["real"])
    before = run["output:encoder.layer.0"] if layer else run["output:embeddings"]
    own = jax.tree.map(lambda leaf: leaf[layer], params["encoder"]["layers"])
    ours, _ = Layer(model.config, Settings()).apply(
        {"params": own}, jnp.asarray(before), jnp.asarray(layer), segment, None
    )
    module_close(ours, run[f"output:encoder.layer.{layer}"], run["real"])


@pytest.mark.parametrize(("attention", "remat"), [("xla", False), ("blocked", True)])
def test_whole_model(golden: tuple[Path, dict[str, np.ndarray]], attention: str, remat: bool):
    folder, run = golden
    model, params = load(folder, attention, remat)
    real = run["real"]
    logits, gradients = logits_and_gradients(model, params, run["ids"], real, run["cotangent"])
    np.testing.assert_allclose(logits[real], run["output:logits"][real], rtol=0, atol=5e-5)
    theirs = {n.removeprefix("gradient:"): a for n, a in run.items() if n.startswith("gradient:")}
    assert max(gradient_errors(gradients, theirs).values()) < 1e-5


@pytest.mark.parametrize(
    "name", ["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "swish"]
)
def test_activations_and_their_slopes(name: str):
    run = load_file(GOLDEN / "activations.safetensors")
    ours, slope = jax.vmap(jax.value_and_grad(activation(name)))(jnp.asarray(run["x"]))
    np.testing.assert_allclose(ours, run[name], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(slope, run[f"{name}:slope"], rtol=1e-5, atol=1e-5)
