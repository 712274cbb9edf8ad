"""What holds for every encoder, each as a tiny random model of tiny.CONFIGS."""

import functools
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from pipeline.encoders import stack
from pipeline.encoders.head import TokenClassifier
from pipeline.encoders.layers import Site, site_keys
from pipeline.encoders.weights.folders import export, load_fold, save_fold, table
from pipeline.params import Optimizer
from pipeline.training.optimizer import rates
from tests.configurations import section
from tests.encoders.tiny import CONFIGS, random_parameters
from tests.parity.compare import open_model

LENGTHS = (8, 4, 1)
TOKENS = 14  # more than any of the models has positions
BATCH = {"batch": jax.random.key(9)}  # of what is dropped for all rows alike


@pytest.fixture(params=CONFIGS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(request.param, tmp_path_factory.getbasetemp())


def written(name: str, base: Path) -> Path:
    path = base / f"every-{name}"
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(CONFIGS[name]))
    return path


def made(folder: Path, **settings: Any) -> tuple[TokenClassifier, Any]:
    model = open_model(folder, **settings)
    return model, random_parameters(model)


def keys(count: int) -> jax.Array:
    """A draw that is well-conditioned: at key 5 the reference's own gradients are 2.5e-5 from
    float64's for ModernBERT, at this one every form's are within 5e-6."""
    return jax.random.split(jax.random.key(6), count)


def packed() -> tuple[jax.Array, jax.Array, jax.Array]:
    """A row of three windows and one token of padding, and a row of nothing but padding."""
    used = sum(LENGTHS)
    ids = np.zeros((2, TOKENS), np.int32)
    segment, position = np.zeros_like(ids), np.zeros_like(ids)
    ids[0, :used] = np.random.default_rng(0).integers(2, 19, used)
    segment[0, :used] = np.repeat([1, 2, 3], LENGTHS)
    position[0, :used] = np.concatenate([np.arange(length) for length in LENGTHS])
    return jnp.asarray(ids), jnp.asarray(segment), jnp.asarray(position)


def forward(model: TokenClassifier, params: Any, batch: Any, key: Any = None) -> np.ndarray:
    return np.asarray(jax.jit(model.apply)({"params": params}, *batch, key, rngs=BATCH))


def both(model: TokenClassifier, params: Any, batch: Any, key: Any) -> tuple[Any, Any]:
    """Logits, and gradients of a function of them."""

    def loss(params: Any) -> Any:
        logits = model.apply({"params": params}, *batch, key, rngs=BATCH)
        return jnp.sum(jnp.sin(logits)), logits

    gradients, logits = jax.jit(jax.grad(loss, has_aux=True))(params)
    return logits, gradients


@functools.cache
def step(folder: Path, attention: str, remat: str) -> Any:
    """Logits and gradients of a packed batch with dropout on."""
    return both(*made(folder, attention=attention, remat=remat), packed(), keys(2))


def close(ours: Any, theirs: Any) -> None:
    """Leaf by leaf, to 1e-5 of the leaf's largest entry, or of 1."""
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, atol=1e-5 * max(1.0, np.abs(other).max()), rtol=0)


def test_packed_is_what_each_window_gives_alone(folder: Path):
    model, params = made(folder, attention="blocked")
    ids, segment, position = packed()
    together = forward(model, params, (ids, segment, position))[0]
    assert TOKENS > model.config.positions == max(LENGTHS)
    start = 0
    for length in LENGTHS:
        own = slice(start, start + length)
        batch = (ids[:1, own], segment[:1, own], position[:1, own])
        np.testing.assert_allclose(together[own], forward(model, params, batch)[0], atol=1e-5)
        start += length


def _all_alone(kinds: Sequence[stack.Kind]) -> stack.Repetition:
    """No block over and over: every layer stands alone."""
    return stack.Repetition(len(kinds), 0)


@pytest.mark.parametrize(
    ("attention", "remat"),
    [
        ("blocked", "none"),
        pytest.param("xla", "full", marks=pytest.mark.slow),
        pytest.param("xla", "selective", marks=pytest.mark.slow),
    ],
)
def test_forms_agree_with_dropout_on(folder: Path, attention: str, remat: str):
    close(step(folder, attention, remat), step(folder, "xla", "none"))


def test_a_row_of_padding_is_finite_in_values_and_gradients(folder: Path):
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(step(folder, "xla", "none")))


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


@pytest.mark.slow
def test_dropout_does_not_depend_on_how_rows_are_split(folder: Path):
    model, params = made(folder)
    ids = jnp.asarray(np.random.default_rng(2).integers(2, 20, (2, 8)), jnp.int32)
    batch = (ids, jnp.ones_like(ids), jnp.broadcast_to(jnp.arange(8), ids.shape))
    whole = forward(model, params, batch, keys(2))
    apply = jax.jit(model.apply)
    for row in range(2):
        own = tuple(part[row : row + 1] for part in batch)
        alone = apply({"params": params}, *own, keys(2)[row : row + 1], rngs=BATCH)
        np.testing.assert_allclose(alone[0], whole[row], atol=1e-5)


@pytest.mark.slow
def test_rates_of_the_run_stand_for_those_of_the_checkpoint(folder: Path):
    model, params = made(folder, hidden_dropout=0.0, attention_dropout=0.0, head_dropout=0.0)
    plain = forward(model, params, packed())
    np.testing.assert_array_equal(forward(model, params, packed(), keys(2)), plain)
    for one in ("hidden_dropout", "attention_dropout", "head_dropout"):
        others = dict.fromkeys(("hidden_dropout", "attention_dropout", "head_dropout"), 0.0)
        dropping, _ = made(folder, **(others | {one: 0.5}))
        assert np.abs(forward(dropping, params, packed(), keys(2)) - plain).max() > 0.1


def test_every_place_drops_by_keys_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch):
    model, seen = open_model(folder), []

    def recorded(keys: Any, site: Site, layer: Any = 0) -> Any:
        seen.append((site, int(layer)))
        return site_keys(keys, site, layer)

    for name, module in list(sys.modules.items()):
        if name.startswith("pipeline.encoders.") and hasattr(module, "site_keys"):
            monkeypatch.setattr(module, "site_keys", recorded)
    monkeypatch.setattr(stack, "find_repetition", _all_alone)
    streams = BATCH | {"params": jax.random.key(0)}
    jax.eval_shape(lambda: model.init(streams, *packed(), keys(2)))
    assert len(set(seen)) == len(seen) > 3 * model.config.layers


def test_half_precision_activations_give_float32_logits(folder: Path):
    model, params = made(folder, dtype="bfloat16")
    exact, _ = made(folder)
    halves, whole = forward(model, params, packed()), forward(exact, params, packed())
    assert halves.dtype == np.float32
    assert 0 < np.abs(halves - whole).max() < 0.1 * np.abs(whole).max()


def test_every_parameter_has_its_name(folder: Path):
    model, params = made(folder)
    places, leaves = table(model), flatten_dict(params, sep="/")
    assert places.keys() == leaves.keys()
    names = [name for place in places.values() for name in place.names()]
    assert len(set(names)) == len(names)
    depths = {i for p in places.values() for i in (p.layers if p.stacked else [p.layers])}
    assert depths - {None} == set(range(model.config.layers))


def test_learning_rates_follow_the_numbers_of_the_layers(folder: Path):
    model, params = made(folder)
    depth, options = model.config.layers, optimizer(layer_decay=0.5)
    peaks = rates(params, table(model), depth, options)
    whole = jax.tree.map(lambda peak, leaf: np.broadcast_to(peak, leaf.shape), peaks, params)
    seen = set()
    for name, array in export(whole, table(model)).items():
        layer = re.search(r"\blayers?\.(\d+)\.", name)
        if layer:
            seen.add(int(layer[1]))
            expected = 0.5 ** (depth - 1 - int(layer[1]))
        elif "final_norm" in name:
            expected = 1.0
        elif "embeddings" in name:
            expected = 0.5**depth
        elif name.startswith(("head.", "classifier.")):
            expected = 3.0
        else:
            continue
        np.testing.assert_allclose(array, expected, err_msg=name)
    assert seen == set(range(depth))


def optimizer(**given: float) -> Optimizer:
    fields = {"b1": 0.9, "b2": 0.99, "eps": 1e-8, "clip": 1.0, "warmup": 0.1, "weight_decay": 0.0}
    rates_of = {"backbone_rate": 1.0, "head_rate": 3.0}
    return section(Optimizer, **fields, **rates_of, **given)


def test_an_exported_fold_comes_back_to_the_bit(folder: Path, tmp_path: Path):
    model, params = made(folder)
    save_fold(tmp_path / "fold0", params, model, folder, {})
    found = load_fold(tmp_path / "fold0", open_model(tmp_path / "fold0"))
    jax.tree.map(np.testing.assert_array_equal, found, params)


@pytest.mark.slow
def test_a_scan_is_its_layers_unrolled(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model, params = made(folder)
    save_fold(tmp_path / "fold0", params, model, folder, {})
    scanned = both(model, params, packed(), keys(2))
    scanned = scanned[0], export(scanned[1], table(model))
    monkeypatch.setattr(stack, "find_repetition", _all_alone)
    alone = load_fold(tmp_path / "fold0", model)
    assert not {"layers", "blocks"} & alone["encoder"].keys()
    unrolled = both(model, alone, packed(), keys(2))
    close(scanned, (unrolled[0], export(unrolled[1], table(model))))
