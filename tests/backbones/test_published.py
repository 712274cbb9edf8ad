"""Every published architecture at its full size, by shapes alone: names, widths, a forward pass."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from flax.traverse_util import unflatten_dict

from pipeline.encoders.weights.folders import checkpoint_shapes, parameter_shapes, table
from tests.backbones.published import CONFIGS, write
from tests.parity.compare import open_model
from tests.parity.models import GOLDEN, collapsed

# What transformers' own classes hold; written by tests/parity/make_golden.py.
TENSORS = json.loads((GOLDEN / "published.json").read_text())


@pytest.mark.parametrize("name", CONFIGS)
def test_tensors_are_those_of_transformers(name: str, tmp_path: Path):
    model = open_model(write(tmp_path, name))
    ours = checkpoint_shapes(parameter_shapes(model), table(model, prefixed=True))
    assert collapsed(ours) == TENSORS[name]


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("attention", ["xla", "blocked"])
def test_a_row_goes_through(name: str, attention: str, tmp_path: Path):
    model = open_model(write(tmp_path, name), attention=attention)
    leaves = {
        path: jax.ShapeDtypeStruct(shape, jnp.float32)
        for path, shape in parameter_shapes(model).items()
    }
    row = jax.ShapeDtypeStruct((2, 512), jnp.int32)
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 2))
    batch_key = jax.eval_shape(lambda: jax.random.key(0))
    logits = jax.eval_shape(
        lambda tree, ids, keys, key: model.apply(
            {"params": tree}, ids, ids, ids, keys, rngs={"batch": key}
        ),
        unflatten_dict(leaves, sep="/"),
        row,
        keys,
        batch_key,
    )
    assert (logits.shape, logits.dtype) == ((2, 512, 3), jnp.float32)
