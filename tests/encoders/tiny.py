"""Small checkpoints for these tests, written by hand under Hugging Face's names."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import unflatten_dict
from safetensors.numpy import save_file

from pipeline.encoders.catalogue import ENCODERS
from pipeline.encoders.config import Settings
from pipeline.encoders.head import TokenClassifier, build, name_classes
from pipeline.encoders.registry import CLASSIFIER
from pipeline.encoders.weights.folders import export, parameter_shapes, table

LABELS = ("poor", "fair", "good")
FIELDS: dict[str, Any] = {
    "model_type": "bert",
    "vocab_size": 20,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 10,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.2,
    "attention_probs_dropout_prob": 0.3,
    "initializer_range": 0.5,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
    **name_classes(LABELS),
}

_BOTH = {"relative_attention": True, "position_biased_input": False, "pos_att_type": ["c2p", "p2c"]}
DEBERTA: dict[str, Any] = (
    FIELDS
    | _BOTH
    | {
        "model_type": "deberta-v2",
        "max_position_embeddings": 8,
        "type_vocab_size": 0,
        "max_relative_positions": -1,
        "position_buckets": 4,
        "share_att_key": True,
        "norm_rel_ebd": "layer_norm",
    }
)
MODERN: dict[str, Any] = {
    "model_type": "modernbert",
    "vocab_size": 20,
    "hidden_size": 8,
    "num_hidden_layers": 5,
    "num_attention_heads": 2,
    "intermediate_size": 6,
    "max_position_embeddings": 8,
    "layer_types": ["full_attention", *["sliding_attention", "full_attention"] * 2],
    "rope_parameters": {
        "full_attention": {"rope_type": "default", "rope_theta": 100.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10.0},
    },
    "local_attention": 5,
    "hidden_activation": "gelu",
    "classifier_activation": "gelu",
    "embedding_dropout": 0.1,
    "mlp_dropout": 0.2,
    "attention_dropout": 0.3,
    "classifier_dropout": 0.4,
    "initializer_range": 0.5,
    "norm_eps": 1e-5,
    "norm_bias": False,
    "attention_bias": False,
    "mlp_bias": False,
    "classifier_bias": False,
    "pad_token_id": 0,
    **name_classes(LABELS),
}

# A few positions, so that the rows of tests/encoders/test_every_encoder.py are longer.
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": FIELDS | {"max_position_embeddings": 8},
    "electra": FIELDS
    | {"model_type": "electra", "embedding_size": 6, "max_position_embeddings": 8},
    "modernbert": MODERN,
    "roberta": FIELDS
    | {"model_type": "roberta", "pad_token_id": 1, "max_position_embeddings": 10}
    | {"type_vocab_size": 1},
    "deberta-v2": DEBERTA,
    "deberta-v2-convolution": DEBERTA
    | {
        "num_hidden_layers": 3,
        "share_att_key": False,
        "norm_rel_ebd": "none",
        "conv_kernel_size": 3,
        "conv_act": "gelu",
        "embedding_size": 6,
        "type_vocab_size": 2,
        "position_biased_input": True,
    },
    "deberta": {k: v for k, v in DEBERTA.items() if k in FIELDS or k in _BOTH}
    | {"model_type": "deberta", "max_relative_positions": 3},
}


def random_parameters(model: TokenClassifier) -> dict[str, Any]:
    """Random values of every leaf, norms and biases too."""
    rng = np.random.default_rng(1)
    leaves = {
        path: (path.endswith("scale") + 0.4 * rng.standard_normal(shape)).astype(np.float32)
        for path, shape in sorted(parameter_shapes(model).items())
    }
    return unflatten_dict(leaves, sep="/")


def shapes(fields: dict[str, Any] = FIELDS) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a BERT in torch, without prefix."""
    width, inner = fields["hidden_size"], fields["intermediate_size"]
    found = {
        "embeddings.word_embeddings.weight": (fields["vocab_size"], width),
        "embeddings.position_embeddings.weight": (fields["max_position_embeddings"], width),
        "embeddings.token_type_embeddings.weight": (fields["type_vocab_size"], width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
    }
    for layer in range(fields["num_hidden_layers"]):
        stem = f"encoder.layer.{layer}"
        for name, out, into in (
            ("attention.self.query", width, width),
            ("attention.self.key", width, width),
            ("attention.self.value", width, width),
            ("attention.output.dense", width, width),
            ("intermediate.dense", inner, width),
            ("output.dense", width, inner),
        ):
            found[f"{stem}.{name}.weight"], found[f"{stem}.{name}.bias"] = (out, into), (out,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            found[f"{stem}.{name}.weight"], found[f"{stem}.{name}.bias"] = (width,), (width,)
    return found


def tensors(fields: dict[str, Any] = FIELDS, seed: int = 0) -> dict[str, np.ndarray]:
    """Random values of every tensor."""
    rng = np.random.default_rng(seed)
    return {
        name: (0.5 * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in shapes(fields).items()
    }


def write(
    folder: Path, state: dict[str, np.ndarray] | None = None, **fields: Any
) -> dict[str, np.ndarray]:
    """Write config.json and model.safetensors; return the tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(FIELDS | fields))
    state = tensors(FIELDS | fields) if state is None else state
    arrays = {name: np.ascontiguousarray(array) for name, array in state.items()}
    save_file(arrays, folder / "model.safetensors", {"format": "pt"})
    return state


def write_checkpoint(
    folder: Path, fields: dict[str, Any], words: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Write config.json and random weights without a classifier; the tensors and the parameters."""
    (folder / "config.json").write_text(json.dumps(fields | {"vocab_size": words}))
    encoder = next(name for name, types in ENCODERS.items() if fields["model_type"] in types)
    model = build(folder, encoder, Settings())
    tree = random_parameters(model)
    state = export(tree, table(model, prefixed=True))
    for place in CLASSIFIER.values():
        state.pop(place.name)
    arrays = {name: np.ascontiguousarray(array) for name, array in state.items()}
    save_file(arrays, folder / "model.safetensors", {"format": "pt"})
    return state, tree
