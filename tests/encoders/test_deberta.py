from collections.abc import Callable
from pathlib import Path
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pipeline.encoders import deberta, deberta_v1
from pipeline.encoders.config import Settings
from pipeline.encoders.deberta_common import drop_positions
from pipeline.encoders.head import build
from pipeline.encoders.weights.folders import load_backbone, load_fold, save_fold
from pipeline.errors import UserError
from tests.encoders.test_every_encoder import forward, made, written
from tests.encoders.tiny import CONFIGS

V1, V2, CONVOLUTION = (
    CONFIGS[name] for name in ("deberta", "deberta-v2", "deberta-v2-convolution")
)


@pytest.mark.parametrize("configure", [deberta.configure, deberta_v1.configure])
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"relative_attention": False}, "relative_attention: expected True, found False"),
        ({"pos_att_type": None}, "pos_att_type: expected c2p, p2c or both, found None"),
        ({"pos_att_type": ["p2p", "c2p"]}, "pos_att_type: expected c2p, p2c or both, found"),
        ({"pos_att_type": "c2p|c2p"}, "pos_att_type: expected c2p, p2c or both, found"),
        ({"talking_head": True}, "talking_head: expected False"),
        ({"attention_head_size": 3}, "attention_head_size: expected 4 or None, found 3"),
        (
            {"num_attention_heads": 3},
            r"hidden_size: expected a multiple of 3 \(num_att",
        ),
    ],
)
def test_variants_that_are_not_served(configure: Any, fields: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        configure(V2 | fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"norm_rel_ebd": "rms"}, "norm_rel_ebd: expected 'none' or 'layer_norm', found 'rms'"),
        ({"conv_kernel_size": 4}, "conv_kernel_size: expected an odd number, found 4"),
        ({"conv_groups": 2}, "conv_groups: expected 1, found 2"),
        ({"share_att_key": "yes"}, "share_att_key: expected true or false, found 'yes'"),
    ],
)
def test_variants_of_the_second_that_are_not_served(fields: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        deberta.configure(V2 | fields)


def test_relative_positions_of_a_config():
    plain, first = deberta.configure(V2 | {"position_buckets": -1}), deberta_v1.configure(V1)
    bucketed = deberta.configure(V2 | {"position_buckets": 4, "max_relative_positions": 6})
    assert (plain.span, plain.longest) == (8, None)
    assert (first.span, first.longest) == (3, None)
    assert (bucketed.span, bucketed.longest) == (4, 6)
    assert deberta.configure(V2 | {"pos_att_type": "P2C|c2p"}).terms == {"c2p", "p2c"}


@pytest.mark.parametrize(
    ("name", "bounded"), [("deberta-v2", False), ("deberta-v2-convolution", True)]
)
def test_only_a_table_of_absolute_positions_bounds_the_window(
    tmp_path: Path, name: str, bounded: bool
):
    model, params = made(written(name, tmp_path), attention="xla")
    ids = jnp.asarray(np.random.default_rng(0).integers(2, 19, (1, 11)), jnp.int32)
    place = jnp.arange(11)[None]
    logits = forward(model, params, (ids, jnp.ones_like(ids), place))
    assert model.config.positions == 8
    assert np.isnan(logits).all() if bounded else np.isfinite(logits).all()


def test_a_table_of_positions_that_a_config_does_not_use_is_dropped(tmp_path: Path):
    """As in checkpoints from the Hub; where the config uses it, it has to be there."""
    name = "deberta.embeddings.position_embeddings.weight"

    def exported(config: str) -> Path:
        model, params = made(written(config, tmp_path))
        save_fold(tmp_path / f"{config}-fold", params, model, written(config, tmp_path), {})
        return tmp_path / f"{config}-fold"

    def change(folder: Path, edit: Callable[[dict[str, np.ndarray]], Any]) -> None:
        state = load_file(folder / "model.safetensors")
        edit(state)
        save_file(state, folder / "model.safetensors")

    without, using = exported("deberta-v2"), exported("deberta-v2-convolution")
    change(without, lambda state: state.update({name: np.zeros((8, 8), np.float32)}))
    model = build(without, "deberta", Settings())
    assert load_backbone(without, model, 0)["encoder"].keys() == made(without)[1]["encoder"].keys()
    with pytest.raises(UserError, match=f"unexpected {name}"):
        load_fold(without, model)
    model = build(using, "deberta", Settings())
    assert "position" in load_backbone(using, model, 0)["encoder"]["embeddings"]
    change(using, lambda state: state.pop(name))
    with pytest.raises(UserError, match=f"missing {name.removeprefix('deberta.')}"):
        load_backbone(using, model, 0)


def test_convolution_sees_zeros_beside_its_segment():
    """Against sums by hand, a segment at a time, before activation and norm are added."""
    config = deberta.configure(CONVOLUTION | {"conv_kernel_size": 5, "conv_act": "tanh"})
    rng, segment = np.random.default_rng(0), np.array([[1, 1, 1, 1, 2, 2, 3, 0, 0]], np.int32)
    embedded, output = (rng.standard_normal((1, 9, 8)).astype(np.float32) for _ in range(2))
    kernel, bias = (rng.standard_normal(shape).astype(np.float32) for shape in ((5, 8, 8), (8,)))
    norm = {"scale": np.ones(8, np.float32), "bias": np.zeros(8, np.float32)}
    params = {"kernel": kernel, "bias": bias, "norm": norm}
    ours = deberta.Convolution(config, Settings()).apply(
        {"params": params}, *(jnp.asarray(x) for x in (embedded, output, segment)), None
    )
    for number in range(4):
        own = np.flatnonzero(segment[0] == number)
        summed = output[0, own] + np.tanh(
            [
                bias + sum(embedded[0, j] @ kernel[j - i + 2] for j in own if abs(j - i) <= 2)
                for i in own
            ]
        )
        centred = summed - summed.mean(axis=-1, keepdims=True)
        expected = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        np.testing.assert_allclose(np.asarray(ours)[0, own], expected, atol=1e-5)


def test_positions_are_dropped_anew_in_each_layer():
    table, key = jnp.ones((64, 8)), jax.random.key(1)
    masks = [np.asarray(drop_positions(table, key, layer, 0.25) > 0) for layer in range(3)]
    assert all(0.6 < mask.mean() < 0.9 for mask in masks)
    assert (masks[0] != masks[1]).any()
    assert (masks[1] != masks[2]).any()
    np.testing.assert_array_equal(drop_positions(table, None, 0, 0.25), table)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deberta", "deberta-v2"])
def test_dropout_on_positions_alone_changes_the_logits(tmp_path: Path, name: str):
    model, params = made(written(name, tmp_path), attention_dropout=0.0, head_dropout=0.0)
    ids = jnp.asarray(np.random.default_rng(0).integers(2, 19, (1, 7)), jnp.int32)
    batch = (ids, jnp.ones_like(ids), jnp.arange(7)[None])
    keys = jax.random.split(jax.random.key(5), 1)
    logits = [
        model.apply({"params": params}, *batch, keys, rngs={"batch": jax.random.key(seed)})
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(logits[0], logits[1])
    assert np.abs(np.asarray(logits[0]) - logits[2]).max() > 1e-3
    with pytest.raises(flax.errors.InvalidRngError, match="batch"):
        model.apply({"params": params}, *batch, keys)
