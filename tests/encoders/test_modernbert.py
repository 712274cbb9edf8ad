from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from transformers import AutoConfig

from pipeline.encoders.config import Settings
from pipeline.encoders.head import build
from pipeline.encoders.modernbert import configure, layer_kinds
from pipeline.encoders.stack import Repetition, find_repetition
from pipeline.encoders.weights.folders import parameter_shapes
from pipeline.errors import UserError
from pipeline.files import write_json
from tests.encoders.tiny import MODERN

ROPE = MODERN["rope_parameters"]


def hub(**fields: Any) -> dict[str, Any]:
    """A config.json in the form of the Hub, through transformers."""
    old = {"global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "local_rope_theta": 1e4}
    return AutoConfig.for_model("modernbert", **old | fields).to_dict()


def test_the_hub_s_form_of_a_config():
    config = configure(hub())
    assert (config.layers, config.window, config.positions) == (22, 64, 8192)
    assert (config.global_theta, config.local_theta) == (160000.0, 10000.0)
    assert config.local == (False, *[True, True, False] * 7)
    assert (config.norm_bias, config.attention_bias, config.mlp_bias) == (False, False, False)


@pytest.mark.parametrize(
    ("layers", "every", "expected"),
    [
        (22, 3, Repetition(1, 3)),
        (28, 3, Repetition(1, 3)),
        (24, 3, Repetition(3, 3)),
        (6, 1, Repetition(1, 1)),
    ],
)
def test_layers_that_are_compiled(layers: int, every: int, expected: Repetition):
    config = configure(hub(num_hidden_layers=layers, global_attn_every_n_layers=every))
    assert find_repetition(layer_kinds(config)) == expected


def test_each_flag_adds_its_biases_alone(tmp_path: Path):
    def biases(**flags: bool) -> set[str]:
        write_json(tmp_path / "config.json", MODERN | flags)
        paths = parameter_shapes(build(tmp_path, "modernbert", Settings()))
        return {p.split("/", 1)[1] for p in paths if p.endswith("bias") and "blocks/0" not in p}

    plain = biases()
    assert plain == {"bias"}  # of the classifier
    assert biases(norm_bias=True) - plain == {
        "embeddings/norm/bias",
        "layer_0/feed_forward_norm/bias",
        "blocks/1/attention_norm/bias",
        "blocks/1/feed_forward_norm/bias",
        "final_norm/bias",
        "norm/bias",
    }
    assert biases(attention_bias=True) - plain == {
        f"{layer}/attention/{part}/bias"
        for layer in ("layer_0", "blocks/1")
        for part in ("qkv", "output")
    }
    assert biases(mlp_bias=True) - plain == {
        f"{layer}/feed_forward/{part}/bias"
        for layer in ("layer_0", "blocks/1")
        for part in ("input", "output")
    }
    assert biases(classifier_bias=True) - plain == {"dense/bias"}


def test_a_distant_token_is_out_of_sight_of_local_layers_alone(tmp_path: Path):
    """Two local layers see four tokens to either side, two global ones everything."""

    def reach(layer_type: str) -> list[int]:
        fields = {"num_hidden_layers": 2, "layer_types": [layer_type] * 2}
        write_json(tmp_path / "config.json", MODERN | fields | {"max_position_embeddings": 12})
        model = build(tmp_path, "modernbert", Settings())
        ids = jnp.asarray(np.random.default_rng(0).integers(0, 20, (1, 12)), jnp.int32)
        one, position = jnp.ones_like(ids), jnp.arange(12)[None]
        params = model.init(jax.random.key(1), ids, one, position, None)
        logits = [model.apply(params, x, one, position, None) for x in (ids, ids.at[0, 5].add(1))]
        return np.flatnonzero(np.abs(logits[0] - logits[1]).max(-1)[0] > 1e-6).tolist()

    assert reach("sliding_attention") == list(range(1, 10))
    assert reach("full_attention") == list(range(12))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"num_attention_heads": 8},
            r"hidden_size: expected a multiple of 16 \(2 \* num_attention_heads\), found 8",
        ),
        (
            {"layer_types": ["full_attention"] * 4},
            r"layer_types: expected 5 \(num.*found 4",
        ),
        (
            {"layer_types": ["full_attention"] * 4 + ["chunked_attention"]},
            "layer_types: expected 'full_attention' or 'sliding_attention', found 'chunked_att",
        ),
        ({"layer_types": None}, "layer_types: expected a list, found None"),
        ({"rope_parameters": None}, "rope_parameters: expected a mapping, found None"),
        (
            {"rope_parameters": ROPE | {"full_attention": {"rope_type": "yarn"}}},
            "rope_type: expected 'default', found 'yarn'",
        ),
        (
            {"rope_parameters": {"full_attention": ROPE["full_attention"]}},
            "sliding_attention: expected a mapping, found None",
        ),
        ({"norm_bias": 0}, "norm_bias: expected true or false, found 0"),
        (
            {"pad_token_id": None},
            "pad_token_id: expected an integer from 0 to .*, found None",
        ),
    ],
)
def test_a_config_that_is_not_served_is_refused(fields: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        configure(MODERN | fields)
