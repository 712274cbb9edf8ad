"""A two-layer BERT of width 16 and batches drawn from a seed, for tests of the training parts."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from pipeline.encoders.config import Settings
from pipeline.encoders.head import TokenClassifier, build, name_classes
from pipeline.encoders.weights.folders import table
from pipeline.files import write_json
from pipeline.inputs.packing import Batch
from pipeline.params import Optimizer, Rows, Train
from pipeline.training.optimizer import adamw
from tests.configurations import section

CONFIG = {
    "model_type": "bert",
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 32,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    **name_classes("abc"),
}

DEBERTA = CONFIG | {
    "model_type": "deberta-v2",
    "type_vocab_size": 0,
    "relative_attention": True,
    "position_biased_input": False,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 8,
    "max_relative_positions": 16,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
}


def options(**changes: Any) -> Train:
    """A short training; `changes` replace fields."""
    fields: dict[str, Any] = {
        "epochs": 2,
        "rows": section(Rows, length=24, slots=6, pool=64),
        "optimizer": section(
            Optimizer,
            backbone_rate=1e-3,
            head_rate=3e-3,
            layer_decay=0.8,
            weight_decay=0.1,
            warmup=0.25,
        ),
        "label_smoothing": 0.1,
        "attention": "xla",
    }
    return section(Train, **(fields | changes))


def model(folder: Path, encoder: str = "bert", **settings: Any) -> TokenClassifier:
    """The tiny classifier."""
    write_json(folder / "config.json", {"bert": CONFIG, "deberta": DEBERTA}[encoder])
    return build(folder, encoder, Settings(**settings))


def optimizer(classifier: TokenClassifier, train: Train) -> optax.GradientTransformationExtraArgs:
    """The optimizer that trains the classifier."""
    return adamw(train.optimizer, table(classifier), classifier.config.layers)


def parameters(classifier: TokenClassifier, seed: int = 0) -> Any:
    """Parameters drawn from a seed, as plain dicts."""
    ids = jnp.zeros((1, 4), jnp.int32)
    return classifier.init(jax.random.key(seed), ids, ids, ids, None)["params"]


def batch(rows: int = 8, seed: int = 0) -> Batch:
    """Rows with different numbers of windows, elements and weights; the last one is padding."""
    rng = np.random.default_rng(seed)
    tokens, slots = 24, 6
    ids = rng.integers(1, 40, (rows, tokens)).astype(np.int32)
    segment = np.zeros((rows, tokens), np.int32)
    position = np.zeros((rows, tokens), np.int32)
    slot = np.full((rows, tokens), -1, np.int32)
    weight = np.zeros((rows, slots), np.float32)
    for row in range(rows - 1):
        cut, end = rng.integers(4, 10), rng.integers(12, tokens)
        segment[row, :cut], segment[row, cut:end] = 1, 2
        position[row, :end] = np.concatenate([np.arange(cut), np.arange(end - cut)])
        used = rng.integers(1, slots + 1)
        slot[row, :end] = np.sort(rng.integers(-1, used, end))
        weight[row, :used] = rng.uniform(0.2, 1.0, used)
    label = rng.integers(0, 3, (rows, slots)).astype(np.int32)
    return Batch(
        ids=np.where(segment > 0, ids, 0),
        segment=segment,
        position=position,
        slot=slot,
        label=label,
        weight=weight,
        element=np.full((rows, slots), -1, np.int32),
        row=np.arange(rows, dtype=np.int32),
    )


def largest_difference(one: Any, other: Any) -> float:
    """Over all leaves, the largest difference relative to each leaf's own largest entry."""

    def relative(a: Array, b: Array) -> float:
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30))

    return max(jax.tree.leaves(jax.tree.map(relative, one, other)))
