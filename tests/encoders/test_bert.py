import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.encoders.bert import configure
from pipeline.encoders.config import Settings
from pipeline.encoders.head import TokenClassifier, build
from pipeline.encoders.weights import load_backbone
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


def keys(count: int) -> jax.Array:
    return jax.random.split(jax.random.key(5), count)


def packed() -> tuple[jax.Array, jax.Array, jax.Array]:
    """A row of three windows and one token of padding, and a row of nothing but padding."""
    ids = np.zeros((2, TOKENS), np.int32)
    segment, position = np.zeros_like(ids), np.zeros_like(ids)
    ids[0, :9] = np.random.default_rng(0).integers(1, 20, 9)
    segment[0, :9] = np.repeat([1, 2, 3], LENGTHS)
    position[0, :9] = np.concatenate([np.arange(length) for length in LENGTHS])
    return jnp.asarray(ids), jnp.asarray(segment), jnp.asarray(position)


def forward(model: TokenClassifier, params: Any, batch: Any, key: Any = None) -> np.ndarray:
    return np.asarray(jax.jit(model.apply)({"params": params}, *batch, key))


@functools.cache
def step(folder: Path, attention: str, remat: bool) -> Any:
    """Logits and gradients of a packed batch with dropout on."""
    model, params = made(folder, attention=attention, remat=remat)

    def loss(params: Any) -> Any:
        logits = model.apply({"params": params}, *packed(), keys(2))
        return jnp.sum(jnp.sin(3.0 * logits)), logits

    gradients, logits = jax.jit(jax.grad(loss, has_aux=True))(params)
    return logits, gradients


@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_packed_is_what_each_window_gives_alone(tmp_path: Path, model_type: str):
    write(tmp_path, model_type=model_type, max_position_embeddings=12)
    model, params = made(tmp_path, attention="blocked")
    ids, segment, position = packed()
    together = forward(model, params, (ids, segment, position))[0]
    start = 0
    for length in LENGTHS:
        own = slice(start, start + length)
        batch = (ids[:1, own], segment[:1, own], position[:1, own])
        np.testing.assert_allclose(together[own], forward(model, params, batch)[0], atol=1e-5)
        start += length


@pytest.mark.parametrize(("attention", "remat"), [("blocked", False), ("xla", True)])
def test_forms_agree_with_dropout_on(folder: Path, attention: str, remat: bool):
    reference = jax.tree.leaves(step(folder, "xla", False))
    for ours, theirs in zip(
        jax.tree.leaves(step(folder, attention, remat)), reference, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1.0, np.abs(theirs).max()))


def test_a_row_of_padding_is_finite_in_values_and_gradients(folder: Path):
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(step(folder, "xla", False)))


def test_padding_gives_no_gradient(folder: Path):
    model, params = made(folder)
    ids, segment, position = packed()
    ids = ids.at[segment == 0].set(19)

    def loss(params: Any) -> Any:
        logits = model.apply({"params": params}, ids, segment, position, None)
        return jnp.sum(jnp.where(segment[..., None] > 0, logits, 0.0) ** 2)

    words = jax.jit(jax.grad(loss))(params)["encoder"]["embeddings"]["word"]["embedding"]
    assert not words[19].any()
    assert words[ids[0, 0]].any()


def test_dropout_does_not_depend_on_how_rows_are_split(folder: Path):
    model, params = made(folder)
    ids = jnp.asarray(np.random.default_rng(2).integers(1, 20, (2, TOKENS)), jnp.int32)
    batch = (ids, jnp.ones_like(ids), jnp.broadcast_to(jnp.arange(TOKENS), ids.shape))
    whole = forward(model, params, batch, keys(2))
    apply = jax.jit(model.apply)
    for row in range(2):
        own = tuple(part[row : row + 1] for part in batch)
        alone = apply({"params": params}, *own, keys(2)[row : row + 1])
        np.testing.assert_allclose(alone[0], whole[row], atol=1e-5)


def test_rates_of_the_run_stand_for_those_of_the_checkpoint(folder: Path):
    model, params = made(folder, hidden_dropout=0.0, attention_dropout=0.0, head_dropout=0.0)
    plain = forward(model, params, packed())
    np.testing.assert_array_equal(forward(model, params, packed(), keys(2)), plain)
    checkpoint, _ = made(folder)
    assert np.abs(step(folder, "xla", False)[0] - plain).max() > 0.1
    config = checkpoint.config
    rates = (config.hidden_dropout, config.attention_dropout, config.head_dropout)
    assert rates == (0.2, 0.3, 0.2)


def test_half_precision_activations_give_float32_logits(folder: Path):
    model, params = made(folder, dtype="bfloat16")
    exact, _ = made(folder)
    halves = forward(model, params, packed())
    assert halves.dtype == np.float32
    difference = np.abs(halves - forward(exact, params, packed())).max()
    assert 0 < difference < 0.2


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


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"position_embedding_type": "relative_key"},
            "position_embedding_type: expected 'absolute'",
        ),
        ({"is_decoder": True}, "is_decoder: expected False"),
        ({"num_attention_heads": 3}, "hidden_size 8 is not divisible by 3 heads"),
        ({"layer_norm_eps": None}, "layer_norm_eps: expected float, found None"),
        ({"vocab_size": "20"}, "vocab_size: expected int, found '20'"),
        ({"vocab_size": True}, "vocab_size: expected int, found True"),
    ],
)
def test_a_config_that_is_not_served_is_refused(fields: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        configure(FIELDS | fields)
