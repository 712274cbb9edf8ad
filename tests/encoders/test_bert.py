from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.encoders.bert import configure
from pipeline.encoders.config import Settings
from pipeline.encoders.head import TokenClassifier, build
from pipeline.encoders.weights.folders import load_backbone
from pipeline.errors import UserError
from tests.encoders.tiny import FIELDS, write

LENGTHS = (5, 3, 1)
TOKENS = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backbone")
    write(path)
    return path


def made(folder: Path, **settings: Any) -> tuple[TokenClassifier, Any]:
    model = build(folder, "bert", Settings(**settings))
    return model, load_backbone(folder, model, 1)


def packed() -> tuple[jax.Array, jax.Array, jax.Array]:
    """A row of three windows and one token of padding, and a row of nothing but padding."""
    ids = np.zeros((2, TOKENS), np.int32)
    segment, position = np.zeros_like(ids), np.zeros_like(ids)
    ids[0, :9] = np.random.default_rng(0).integers(1, 20, 9)
    segment[0, :9] = np.repeat([1, 2, 3], LENGTHS)
    position[0, :9] = np.concatenate([np.arange(length) for length in LENGTHS])
    return jnp.asarray(ids), jnp.asarray(segment), jnp.asarray(position)


def forward(model: TokenClassifier, params: Any, batch: Any) -> np.ndarray:
    return np.asarray(jax.jit(model.apply)({"params": params}, *batch, None))


def test_layers_are_stacked_and_their_order_matters(folder: Path):
    model, params = made(folder)
    layers = params["encoder"]["layers"]
    assert {leaf.shape[0] for leaf in jax.tree.leaves(layers)} == {2}
    turned = {**params["encoder"], "layers": jax.tree.map(lambda leaf: leaf[::-1], layers)}
    before = forward(model, params, packed())
    assert np.abs(forward(model, {**params, "encoder": turned}, packed()) - before).max() > 0.1


def test_a_position_beyond_the_last_is_not_a_number(folder: Path):
    model, params = made(folder)
    ids, segment, position = packed()
    logits = forward(model, params, (ids, segment, position.at[0, 4].set(10)))
    assert np.isnan(logits[0]).all()  # its row is spoilt, so the loss is not finite
    assert np.isfinite(logits[1]).all()


def test_positions_of_roberta_start_after_its_padding():
    config = configure(FIELDS | {"model_type": "roberta", "pad_token_id": 1})
    assert (config.offset, config.positions) == (2, 8)
    assert (configure(FIELDS).offset, configure(FIELDS).positions) == (0, 10)


def test_rates_are_the_checkpoint_s_own(folder: Path):
    config = made(folder)[0].config
    assert (config.embedding_dropout, config.hidden_dropout) == (0.2, 0.2)
    assert (config.attention_dropout, config.head_dropout) == (0.3, 0.2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"position_embedding_type": "relative_key"},
            "position_embedding_type: expected 'absolute'",
        ),
        ({"is_decoder": True}, "is_decoder: expected False"),
        (
            {"num_attention_heads": 3},
            r"hidden_size: expected a multiple of 3 \(num_att",
        ),
        ({"layer_norm_eps": None}, "layer_norm_eps: expected a float32 number above 0, found None"),
        ({"vocab_size": "20"}, "vocab_size: expected an integer from 1 to 2147483647, found '20'"),
        ({"vocab_size": True}, "vocab_size: expected an integer from 1 to 2147483647, found True"),
    ],
)
def test_a_config_that_is_not_served_is_refused(fields: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        configure(FIELDS | fields)
