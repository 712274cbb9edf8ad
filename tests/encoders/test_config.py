"""The fields of config.json: what each may be, and the words for what it may not."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.encoders.config import Settings
from pipeline.encoders.head import build
from pipeline.errors import UserError
from tests.encoders.tiny import CONFIGS, write

NAN = float("nan")
COUNT = "an integer from 1 to 2147483647"
RATE = "a number from 0 to below 1"
ABOVE = "a float32 number above 0"
SPREAD = "a float32 number that is not negative"
ACTIVATIONS = "one of gelu, gelu_fast, gelu_new, gelu_pytorch_tanh, relu, silu, swish, tanh"
BERT = ("bert", "electra", "roberta")
DEBERTA = ("deberta-v2", "deberta")
POST_NORM = (*BERT, *DEBERTA)
ALL = (*POST_NORM, "modernbert")
ROPE = CONFIGS["modernbert"]["rope_parameters"]
ENCODERS = {"deberta-v2": "deberta", "deberta-v2-convolution": "deberta"} | {
    "deberta": "deberta_v1",
    "modernbert": "modernbert",
}


def theta(value: object) -> dict[str, Any]:
    return ROPE | {"full_attention": {"rope_type": "default", "rope_theta": value}}


def cases() -> list[Any]:
    """Names in CONFIGS, the key, its value, and what is expected instead."""
    table: list[tuple[tuple[str, ...], str, tuple[object, ...], str]] = [
        (ALL, "hidden_size", (0, -8, 2**31, True, "8", 8.0, None), COUNT),
        (ALL, "num_attention_heads", (0, -2), COUNT),
        (ALL, "num_hidden_layers", (0, -1, 1001, 10**9), "an integer from 1 to 1000"),
        (ALL, "intermediate_size", (0, -1, 10**30), COUNT),
        (ALL, "max_position_embeddings", (0, -1, 10**30), COUNT),
        (ALL, "vocab_size", (0, -1), COUNT),
        (BERT, "type_vocab_size", (0, -1), COUNT),
        (DEBERTA, "type_vocab_size", (-1,), "an integer from 0 to 2147483647"),
        (ALL, "pad_token_id", (-1, True, "0"), "an integer from 0 to 2147483647"),
        (ALL, "pad_token_id", (20, 10**6), "an id below 20 (vocab_size)"),
        (ALL, "initializer_range", (-0.02, NAN, 1e39, "x", 10**400), SPREAD),
        (POST_NORM, "layer_norm_eps", (0.0, -1e-12, NAN, 1e-46, 1e39, None), ABOVE),
        (("modernbert",), "norm_eps", (0, -1e-5, NAN), ABOVE),
        (POST_NORM, "hidden_dropout_prob", (-0.1, 1.0, 1.5, NAN, True, "0.1", None), RATE),
        (POST_NORM, "attention_probs_dropout_prob", (-0.1, 1, float("inf")), RATE),
        (BERT, "classifier_dropout", (-0.1, 1.5, NAN), RATE),
        (("modernbert",), "embedding_dropout", (-1, 1.0), RATE),
        (("modernbert",), "mlp_dropout", (-1, NAN), RATE),
        (("modernbert",), "attention_dropout", (1.5, "x"), RATE),
        (("modernbert",), "classifier_dropout", (1.5, None), RATE),
        (POST_NORM, "hidden_act", ("mish", 3, None), ACTIVATIONS),
        (("modernbert",), "hidden_activation", ("mish",), ACTIVATIONS),
        (("modernbert",), "classifier_activation", ("mish",), ACTIVATIONS),
        (("deberta-v2-convolution",), "conv_act", ("mish",), ACTIVATIONS),
        (("deberta-v2-convolution",), "embedding_size", (0,), COUNT),
        (("electra",), "embedding_size", (0, -1), COUNT),
        (("roberta",), "max_position_embeddings", (2, 1), "more than 2 (pad_token_id + 1)"),
        (("modernbert",), "local_attention", (0, -4, 10**12), COUNT),
        (("deberta-v2",), "position_buckets", (1,), "none or at least 2"),
        (
            ("deberta-v2",),
            "max_relative_positions",
            (3,),
            "more than 3 (position_buckets // 2 + 1)",
        ),
        (("deberta-v2",), "max_relative_positions", (2**31,), "an integer up to 2147483647"),
        (DEBERTA, "pos_att_type", (5, [["c2p"]], [], "c2p|c2p"), "c2p, p2c or both"),
        (("modernbert",), "norm_bias", (1, "x"), "true or false"),
        (("modernbert",), "rope_parameters", ([], None), "a mapping"),
    ]
    made = [
        (name, key, value, expected)
        for names, key, values, expected in table
        for name in names
        for value in values
    ]
    return [pytest.param(*case, id=f"{case[0]}-{case[1]}-{case[2]!r:.9}") for case in made]


def refusal(folder: Path, name: str, **fields: Any) -> str:
    """The message of the model's builder."""
    write(folder, {}, **CONFIGS[name] | fields)
    with pytest.raises(UserError) as told:
        build(folder, ENCODERS.get(name, "bert"), Settings())
    return str(told.value)


@pytest.mark.parametrize(("name", "key", "value", "expected"), cases())
def test_a_value_out_of_bounds_is_named(
    tmp_path: Path, name: str, key: str, value: object, expected: str
):
    told = refusal(tmp_path, name, **{key: value})
    assert told == f"{tmp_path}/config.json: {key}: expected {expected}, found {value!r}"


@pytest.mark.parametrize("value", [0, -1.0, NAN, 1e39, "x"])
def test_a_base_of_rotary_frequencies_is_above_0(tmp_path: Path, value: object):
    told = refusal(tmp_path, "modernbert", rope_parameters=theta(value))
    assert told.endswith(f"config.json: rope_theta: expected {ABOVE}, found {value!r}")


@pytest.mark.parametrize(
    ("name", "heads", "expected"),
    [
        ("bert", 3, "a multiple of 3 (num_attention_heads)"),
        ("deberta", 3, "a multiple of 3 (num_attention_heads)"),
        ("modernbert", 8, "a multiple of 16 (2 * num_attention_heads)"),
    ],
)
def test_heads_share_the_width_evenly(tmp_path: Path, name: str, heads: int, expected: str):
    told = refusal(tmp_path, name, num_attention_heads=heads)
    assert told == f"{tmp_path}/config.json: hidden_size: expected {expected}, found 8"
