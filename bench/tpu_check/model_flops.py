"""Model FLOPs by formula: what the mathematics needs, whatever a compiler makes of it.

A product of [a, b] with [b, c] is 2abc. Backward needs twice what forward needs; what is computed
again to save memory is not counted, nor are element-wise operations. Scores are counted over whole
rows (over the window where attention is local), as is usual, though segments see less.
"""

from typing import Any


def step_flops(fields: dict[str, Any], rows: int, tokens: int) -> int:
    """Of a training step on so many rows of so many tokens.

    Args:
      fields: an encoder's config.json.
      rows: of all cores together.
      tokens: of a row.
    """
    return 3 * forward_flops(fields, rows, tokens)


def forward_flops(fields: dict[str, Any], rows: int, tokens: int) -> int:
    """Of a prediction."""
    width, layers, labels = fields["hidden_size"], fields["num_hidden_layers"], 3
    by_token = layers * _dense(fields) + 2 * width * labels
    if fields["model_type"] == "modernbert":
        by_token += 2 * width * width  # the head's own dense layer
    by_row = sum(4 * tokens * seen * width for seen in _seen(fields, tokens))
    shared = 0
    if fields["model_type"] == "deberta-v2":
        positions = 2 * fields["position_buckets"]
        terms = len(fields["pos_att_type"])
        # Each term's scores against every bucket, and the projection of the buckets by layer.
        by_row += layers * terms * 2 * tokens * positions * width
        shared = layers * terms * 2 * positions * width * width
    return rows * (tokens * by_token + by_row) + shared


def _dense(fields: dict[str, Any]) -> int:
    """Of one layer's matrices for a token: four of attention, and the feed-forward network's."""
    width, inner = fields["hidden_size"], fields["intermediate_size"]
    matrices = 3 if fields["model_type"] == "modernbert" else 2  # gated: one more
    return 2 * (4 * width * width + matrices * width * inner)


def _seen(fields: dict[str, Any], tokens: int) -> list[int]:
    """How many tokens a token sees, by layer."""
    kinds = fields.get("layer_types", ["full_attention"] * fields["num_hidden_layers"])
    window = min(tokens, fields.get("local_attention", tokens) + 1)
    return [window if kind == "sliding_attention" else tokens for kind in kinds]
