"""What a GPU alone can show: `make gpu-check`. Collected only where JAX_PLATFORMS names cuda."""

import re
import signal
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from pipeline import devices
from pipeline.encoders.attention.dispatch import attend, default_attention
from pipeline.params import Compute
from tests.configurations import SMALL, changed, text
from tests.contract.project import ROOT, few_essays, without_git
from tests.encoders.test_every_encoder import forward, made, packed, written
from tests.encoders.tiny import CONFIGS
from tests.training.process import TRAIN, Folder

ROWS, TOKENS, HEADS = 4, 512, 12
HALF = float(jnp.finfo(jnp.bfloat16).eps)
# TensorFloat-32 keeps ten bits of a factor: what JAX takes for products in float32 by default.
TENSOR = 2.0**-10
# What `make folds` runs, without asking DVC what is there: a lent machine may not have it.
FOLDS = (
    "-c",
    """
from pipeline.configuration import load_configuration
from pipeline.training.all_folds import train_folds
from pipeline.training.job import job_of
from pipeline.units import Unit
configuration = load_configuration()
train_folds([job_of(configuration, "small", Unit(fold)) for fold in (0, 1)])
""",
)


@pytest.fixture(autouse=True)
def gpu() -> Any:
    return jax.devices("gpu")[0]


def segments() -> Array:
    """Windows of many lengths, and padding."""
    rng = np.random.default_rng(0)
    rows = np.zeros((ROWS, TOKENS), np.int32)
    for row, used in zip(rows, (512, 500, 1, 0), strict=True):
        cuts = np.sort(rng.choice(np.arange(1, max(used, 4)), 3, replace=False))
        row[:used] = np.searchsorted(cuts, np.arange(used), side="right") + 1
    return jnp.asarray(rows)


def attention(parts: list[Array], form: str, window: int | None, place: Any) -> list[np.ndarray]:
    """Values and the gradients of all three parts, computed on a device."""
    segment = segments()
    cotangent = jax.random.normal(jax.random.key(4), parts[0].shape)

    def loss(query: Array, key: Array, value: Array) -> tuple[Array, Array]:
        out = attend(query, key, value, segment, None, 0.0, form, window)
        return jnp.sum(out.astype(jnp.float32) * cotangent), out

    with jax.default_device(place), jax.default_matmul_precision("highest"):
        own = jax.device_put(parts, place)
        gradients, out = jax.jit(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))(*own)
    return [np.asarray(array, np.float32) for array in (out, *gradients)]


@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("window", [None, 64])
def test_cudnn_is_the_reference_of_a_cpu(gpu: Any, width: int, window: int | None) -> None:
    """At MiniLM's and BERT's width of a head, in bfloat16, with ModernBERT's window too."""
    keys = jax.random.split(jax.random.key(0), 3)
    shape = (ROWS, TOKENS, HEADS, width)
    parts = [jax.random.normal(key, shape).astype(jnp.bfloat16) for key in keys]
    assert default_attention("gpu", gpu.device_kind, "bfloat16") == "cudnn"
    exact = [part.astype(jnp.float32) for part in parts]
    cpu = jax.devices("cpu")[0]
    for ours, theirs in zip(
        attention(parts, "cudnn", window, gpu), attention(exact, "xla", window, cpu), strict=True
    ):
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, theirs, atol=4 * HALF * np.abs(theirs).max(), rtol=0)


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_are_those_of_a_cpu(name: str, tmp_path: Path) -> None:
    model, params = made(written(name, tmp_path), attention="xla")
    with jax.default_device(jax.devices("cpu")[0]):
        expected = forward(model, params, packed())
    for precision, close in ((None, 16 * TENSOR), ("highest", 2e-5)):
        with jax.default_matmul_precision(precision):
            found = forward(model, params, packed())
        np.testing.assert_allclose(found, expected, atol=close * np.abs(expected).max(), rtol=0)


def test_bfloat16_is_what_this_gpu_computes_in(gpu: Any) -> None:
    backend = devices.Backend([gpu], "gpu")
    wanted = "bfloat16" if float(gpu.compute_capability) >= 8.0 else "float16"
    assert backend.dtype("bfloat16") == wanted


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """All that training on a GPU reads; a checkpoint after every step."""
    folder = tmp_path_factory.mktemp("gpu") / "project"
    changes = {
        "compute": {"platform": "gpu", "devices": 1, "dtype": "bfloat16"},
        "session": {"checkpoint_minutes": 1.0e-6},
        "models": {
            "small": {
                "train": {"epochs": 5, "rows": {"per_step": 4}, "dropout": {"attention": 0.0}}
            }
        },
    }
    without_git(folder, text(changed(SMALL, changes)))
    few_essays(ROOT / "data/sample", folder / "data/sample", train=32, test=1)
    folder = Folder(folder, tmp_path_factory.mktemp("cache"))
    for stage in ("code", "validate", "split"):
        folder.run(f"stages.{stage}")
    for stage in ("backbone", "tokenize"):
        folder.run(f"stages.{stage}", "--model", "small")
    return folder


def test_a_killed_fold_goes_on_to_the_same_bits(prepared: Folder, tmp_path: Path) -> None:
    whole, killed = prepared.copy(tmp_path / "whole"), prepared.copy(tmp_path / "killed")
    said = whole.train()
    assert "attention cudnn, bfloat16" in said
    assert killed.train_until_saved(3, signal.SIGKILL) == -signal.SIGKILL
    assert re.search(r"resumed at step \d+ of", killed.train())
    again = prepared.copy(tmp_path / "again")
    again.train()
    assert whole.bits() == killed.bits() == again.bits()


def test_one_gpu_trains_one_fold_at_a_time(prepared: Folder, tmp_path: Path) -> None:
    own = prepared.copy(tmp_path / "folds")
    said = own.run(*FOLDS)
    assert "device: a device trains one fold at a time" in said
    assert "resumed at step" in own.train()


def test_too_large_a_step_is_told_in_a_line(prepared: Folder, tmp_path: Path) -> None:
    own = prepared.copy(tmp_path / "large")
    own.edit("per_step: 4", "per_step: 32768")
    said = own.run(*TRAIN, status=1)
    assert "Traceback" not in said
    assert "train@small-0: out of memory with 32768 row(s) of" in said


def test_a_platform_of_more_gpus_than_there_are_is_refused(gpu: Any) -> None:
    from pipeline.errors import UserError

    count = len(jax.devices("gpu")) + 1
    with pytest.raises(UserError, match=f"compute.devices: {count} asked for"):
        devices.start(Compute(platform="gpu", devices=count, dtype="bfloat16"))
