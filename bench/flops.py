"""Floating-point operations of a model by formula, and what chips can do at most.

A multiplication and an addition count as two. What is counted is what the model needs: real
tokens, attention within a window (and no further than a local layer sees), never padding,
recomputation or the other windows of a row. Training is three times the forward pass (Kaplan et
al., 2020, section 2.1). Left out: embeddings, norms, activations, DeBERTa's projection of its
table of positions (once a step, not a token).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.errors import UserError

# Dense bfloat16 products, in TFLOP/s, as the makers state them; the longest name that fits counts.
PEAKS = {
    "H200": 989.0,
    "H100": 989.0,
    "H100 PCIe": 756.0,
    "H100 NVL": 835.0,
    "A100": 312.0,
    "L40S": 362.0,
    "L4": 121.0,
    "A10G": 70.0,
}


def forward(config: Mapping[str, Any], lengths: np.ndarray, labels: int = 3) -> float:
    """Operations of a forward pass over windows of some lengths.

    Args:
      config: of a bert, roberta, electra, deberta-v2 or modernbert checkpoint.
      lengths: tokens of each window.
      labels: of the classifier.

    Raises:
      UserError: the formula does not know this architecture.
    """
    kind = config["model_type"]
    if kind not in ("bert", "roberta", "electra", "deberta-v2", "modernbert"):
        raise UserError(f"bench.flops: no formula for model_type {kind!r}")
    width, layers = config["hidden_size"], config["num_hidden_layers"]
    lengths = np.asarray(lengths, np.float64)
    a_token = layers * _dense(config) + 2 * width * labels
    if kind == "modernbert":
        a_token += 2 * width**2  # the head's own dense layer
    # A score and a value for each pair of tokens that see each other.
    pairs = sum((lengths * np.minimum(lengths, seen)).sum() for seen in _seen(config))
    total = a_token * lengths.sum() + 2 * 2 * width * pairs
    if config.get("relative_attention"):
        # Each token's products with the distances that it can have: c2p, and p2c likewise.
        reach = np.minimum(lengths, 2 * _buckets(config))
        total += layers * len(config["pos_att_type"]) * 2 * width * (lengths * reach).sum()
    return float(total)


def training(config: Mapping[str, Any], lengths: np.ndarray) -> float:
    """Operations of a training step: forward, and twice as much backward."""
    return 3 * forward(config, lengths)


def _dense(config: Mapping[str, Any]) -> int:
    """Of one layer's matrices for a token: four of attention, and the feed-forward network's."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    matrices = 3 if config["model_type"] == "modernbert" else 2  # gated: one more
    return 2 * (4 * width**2 + matrices * width * inner)


def _seen(config: Mapping[str, Any]) -> list[float]:
    """How many tokens a token sees at most, by layer."""
    kinds = config.get("layer_types", ["full_attention"] * config["num_hidden_layers"])
    window = config.get("local_attention", 0) + 1
    return [window if kind == "sliding_attention" else np.inf for kind in kinds]


def _buckets(config: Mapping[str, Any]) -> int:
    buckets = config.get("position_buckets", -1)
    if buckets > 0:
        return buckets
    reach = config.get("max_relative_positions", -1)
    return reach if reach > 0 else config["max_position_embeddings"]


def peak(device: str) -> float | None:
    """Operations a second of a device by its name; None for one that isn't in the table."""
    found = [name for name in PEAKS if name in device]
    return PEAKS[max(found, key=len)] * 1e12 if found else None
