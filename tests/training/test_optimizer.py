"""AdamW, decay groups, layer-wise rates and schedules against torch, step for step."""

from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from pipeline.encoders.registry import Tensor
from pipeline.params import Optimizer
from pipeline.training.optimizer import adamw, decays, rates, schedule
from tests.configurations import section

GOLDEN = Path(__file__).parent / "golden"  # by make_golden.py
STEPS = 8
SCANNED = {
    "encoder/embeddings/word/embedding": Tensor("words"),
    "encoder/embeddings/norm/scale": Tensor("norm"),
    "encoder/layers/dense/kernel": Tensor("layer.{}.weight", layers=range(3)),
    "encoder/layers/dense/bias": Tensor("layer.{}.bias", layers=range(3)),
}
BLOCKED = {
    "encoder/embeddings/word/embedding": Tensor("words"),
    "encoder/layer_0/dense/kernel": Tensor("layer.{}.weight", layers=0),
    "encoder/blocks/0/dense/kernel": Tensor("layer.{}.weight", layers=range(1, 5, 2)),
    "encoder/blocks/1/dense/kernel": Tensor("layer.{}.weight", layers=range(2, 5, 2)),
    "encoder/blocks/1/norm/scale": Tensor("layer.{}.norm", layers=range(2, 5, 2)),
    "encoder/final_norm/scale": Tensor("final_norm", layers=4),
}


def options(shape: Literal["linear", "cosine"], warmup: float = 0.25) -> Optimizer:
    return section(
        Optimizer,
        backbone_rate=1e-2,
        head_rate=5e-2,
        layer_decay=0.5,
        weight_decay=0.1,
        b1=0.9,
        b2=0.999,
        eps=1e-8,
        clip=1.0,
        warmup=warmup,
        schedule=shape,
    )


def tree(arrays: Any, prefix: str) -> dict[str, Any]:
    names = [name for name in arrays.files if name.startswith(prefix + "/")]
    return unflatten_dict({tuple(name.split("/")[1:]): jnp.asarray(arrays[name]) for name in names})


@pytest.mark.golden
@pytest.mark.parametrize("shape", ["linear", "cosine"])
@pytest.mark.parametrize(
    ("file", "places", "depth"), [("adamw", SCANNED, 3), ("adamw_blocked", BLOCKED, 5)]
)
def test_eight_steps_equal_torch(
    file: str, places: dict[str, Tensor], depth: int, shape: Literal["linear", "cosine"]
) -> None:
    with np.load(GOLDEN / f"{file}.npz") as arrays:
        params, expected = tree(arrays, "value"), tree(arrays, shape)
        gradients = [tree(arrays, f"gradient{step}") for step in range(STEPS)]
    given = options(shape)
    optimizer = adamw(given, places, depth)
    moments, total = optimizer.init(params), jnp.asarray(STEPS)
    for step, gradient in enumerate(gradients):
        changes, moments = optimizer.update(
            gradient, moments, params, step=jnp.asarray(step), total=total
        )
        params = optax.apply_updates(params, changes)
    flat = flatten_dict(params, sep="/")
    for name, value in flatten_dict(expected, sep="/").items():
        np.testing.assert_allclose(flat[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_rates_fall_with_depth_along_the_scanned_axis() -> None:
    params = {
        "encoder": {
            "embeddings": {"word": {"embedding": np.zeros((5, 4))}},
            "layers": {"dense": {"kernel": np.zeros((3, 4, 4)), "bias": np.zeros((3, 4))}},
        },
        "classifier": {"kernel": np.zeros((4, 3))},
    }
    found = rates(params, SCANNED, 3, options("linear"))
    by_layer = np.array([0.0025, 0.005, 0.01], np.float32)
    np.testing.assert_array_equal(found["encoder"]["layers"]["dense"]["kernel"][:, 0, 0], by_layer)
    np.testing.assert_array_equal(found["encoder"]["layers"]["dense"]["bias"][:, 0], by_layer)
    assert found["encoder"]["embeddings"]["word"]["embedding"] == np.float32(0.00125)
    assert found["classifier"]["kernel"] == np.float32(0.05)


def test_rates_follow_a_layer_into_whichever_leaf_it_stands() -> None:
    params = {
        "encoder": {
            "embeddings": {"word": {"embedding": np.zeros((5, 4))}},
            "layer_0": {"dense": {"kernel": np.zeros((4, 4))}},
            "blocks": {
                "0": {"dense": {"kernel": np.zeros((2, 4, 4))}},
                "1": {"dense": {"kernel": np.zeros((2, 4, 4))}, "norm": {"scale": np.ones((2, 4))}},
            },
            "final_norm": {"scale": np.ones(4)},
        },
        "head": {"dense": {"kernel": np.zeros((4, 4))}},
        "classifier": {"kernel": np.zeros((4, 3))},
    }
    found = flatten_dict(rates(params, BLOCKED, 5, options("linear")), sep="/")
    assert {path: np.ravel(rate).tolist() for path, rate in found.items()} == {
        path: np.ravel(np.float32(rate)).tolist()
        for path, rate in {
            "encoder/embeddings/word/embedding": 0.0003125,
            "encoder/layer_0/dense/kernel": 0.000625,
            "encoder/blocks/0/dense/kernel": [0.00125, 0.005],
            "encoder/blocks/1/dense/kernel": [0.0025, 0.01],
            "encoder/blocks/1/norm/scale": [0.0025, 0.01],
            "encoder/final_norm/scale": 0.01,
            "head/dense/kernel": 0.05,
            "classifier/kernel": 0.05,
        }.items()
    }


def test_biases_and_norms_do_not_decay() -> None:
    params = {"dense": {"kernel": 0.0, "bias": 0.0}, "norm": {"scale": 0.0, "bias": 0.0}}
    assert decays(params) == {
        "dense": {"kernel": True, "bias": False},
        "norm": {"scale": False, "bias": False},
    }


def test_no_warm_up_begins_at_the_peak() -> None:
    given = options("linear", warmup=0.0)
    shares = [float(schedule(jnp.asarray(s), jnp.asarray(4), given)) for s in range(4)]
    assert shares == [1.0, 0.75, 0.5, 0.25]


def test_runs_of_different_lengths_share_one_compilation() -> None:
    params = {"classifier": {"kernel": jnp.ones((4, 3))}}
    optimizer = adamw(options("linear"), {}, 1)
    update = jax.jit(optimizer.update)
    moments = optimizer.init(params)
    shares = [
        update(params, moments, params, step=jnp.asarray(step), total=jnp.asarray(total))[0]
        for step, total in ((0, 8), (1, 80))
    ]
    assert update._cache_size() == 1
    # Warm-up over a quarter of the steps: 1/2 of the peak, and 2/20 of it.
    first, second = (change["classifier"]["kernel"][0, 0] for change in shares)
    assert first / second == pytest.approx(5.0)
