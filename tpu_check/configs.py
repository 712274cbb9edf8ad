"""config.json of the encoders that are compiled, as the Hub has them; no weights are needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_BASE = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}
_LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
_BERT = {
    "model_type": "bert",
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
_DEBERTA = _BERT | {
    "model_type": "deberta-v2",
    "vocab_size": 128100,
    "type_vocab_size": 0,
    "layer_norm_eps": 1e-7,
    "relative_attention": True,
    "position_biased_input": False,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 256,
    "max_relative_positions": -1,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
}


def _modernbert(layers: int) -> dict[str, Any]:
    kinds = ["sliding_attention" if i % 3 else "full_attention" for i in range(layers)]
    thetas = {"full_attention": 160000.0, "sliding_attention": 10000.0}
    return {
        "model_type": "modernbert",
        "vocab_size": 50368,
        "num_hidden_layers": layers,
        "max_position_embeddings": 8192,
        "layer_types": kinds,
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": theta} for kind, theta in thetas.items()
        },
        "local_attention": 128,
        "hidden_activation": "gelu",
        "classifier_activation": "gelu",
        "embedding_dropout": 0.0,
        "mlp_dropout": 0.0,
        "attention_dropout": 0.0,
        "classifier_dropout": 0.0,
        "initializer_range": 0.02,
        "norm_eps": 1e-5,
        "norm_bias": False,
        "attention_bias": False,
        "mlp_bias": False,
        "classifier_bias": False,
        "pad_token_id": 50283,
    }


CONFIGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "google-bert/bert-base-uncased": _BERT | _BASE,
        "google-bert/bert-base-cased": _BERT | _BASE | {"vocab_size": 28996},
        "microsoft/deberta-v3-base": _DEBERTA | _BASE,
        "microsoft/deberta-v3-large": _DEBERTA | _LARGE,
        "answerdotai/ModernBERT-large": _modernbert(28)
        | {"hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 2624},
    }
)
"""By the Hub's id, which a recipe's `backbone.source` names."""


@dataclass(frozen=True)
class Encoder:
    """A row of the table.

    Attributes:
      name: of the file in pipeline/encoders.
      source: the Hub's id of its config.
      recipe: what it trains by, but for rows, accumulation and remat.
      tokens: that a core sees in a step.
    """

    name: str
    source: str
    recipe: str
    tokens: int


ENCODERS: Mapping[str, Encoder] = MappingProxyType(
    {
        "bert-base": Encoder(
            "bert", "google-bert/bert-base-uncased", "bert-base-cased-essay-tpu", 8192
        ),
        "deberta-v3-base": Encoder(
            "deberta", "microsoft/deberta-v3-base", "deberta-v3-base-tpu", 8192
        ),
        "deberta-v3-large": Encoder(
            "deberta", "microsoft/deberta-v3-large", "deberta-v3-large-tpu", 8192
        ),
    }
)
"""What the table compiles."""
