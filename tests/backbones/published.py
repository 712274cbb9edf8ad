"""config.json of the checkpoints that people fine-tune, as the Hub has them.

Fields that say nothing about the network (architectures, use_cache, versions) are left out. Small
made-up configs never had a RoBERTa's single token type, nor the Hub's older ModernBERT fields.
"""

import json
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from pipeline.encoders.head import name_classes

_BERT: dict[str, Any] = {
    "model_type": "bert",
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}
_LARGE = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
}
_MINILM = _BERT | {
    "gradient_checkpointing": False,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_hidden_layers": 6,
    "position_embedding_type": "absolute",
}
_ROBERTA = _BERT | {
    "model_type": "roberta",
    "bos_token_id": 0,
    "eos_token_id": 2,
    "layer_norm_eps": 1e-5,
    "max_position_embeddings": 514,
    "pad_token_id": 1,
    "type_vocab_size": 1,
    "vocab_size": 50265,
}
_ELECTRA = _BERT | {
    "model_type": "electra",
    "embedding_size": 768,
    "position_embedding_type": "absolute",
    "summary_activation": "gelu",
    "summary_last_dropout": 0.1,
    "summary_type": "first",
    "summary_use_proj": True,
}
_DEBERTA: dict[str, Any] = {
    "model_type": "deberta",
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-7,
    "max_position_embeddings": 512,
    "max_relative_positions": -1,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "padding_idx": 0,
    "pos_att_type": "c2p|p2c",
    "position_biased_input": False,
    "relative_attention": True,
    "type_vocab_size": 0,
    "vocab_size": 50265,
}
_DEBERTA_V3 = _DEBERTA | {
    "model_type": "deberta-v2",
    "norm_rel_ebd": "layer_norm",
    "pos_att_type": "p2c|c2p",
    "position_buckets": 256,
    "share_att_key": True,
    "vocab_size": 128100,
}
_DEBERTA_V3.pop("padding_idx")
_POOLER = {"pooler_dropout": 0, "pooler_hidden_act": "gelu"}
_MODERNBERT: dict[str, Any] = {
    "model_type": "modernbert",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 50281,
    "classifier_activation": "gelu",
    "classifier_bias": False,
    "classifier_dropout": 0.0,
    "classifier_pooling": "mean",
    "cls_token_id": 50281,
    "decoder_bias": True,
    "deterministic_flash_attn": False,
    "embedding_dropout": 0.0,
    "eos_token_id": 50282,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 160000.0,
    "gradient_checkpointing": False,
    "hidden_activation": "gelu",
    "hidden_size": 768,
    "initializer_cutoff_factor": 2.0,
    "initializer_range": 0.02,
    "intermediate_size": 1152,
    "layer_norm_eps": 1e-5,
    "local_attention": 128,
    "local_rope_theta": 10000.0,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "mlp_dropout": 0.0,
    "norm_bias": False,
    "norm_eps": 1e-5,
    "num_attention_heads": 12,
    "num_hidden_layers": 22,
    "pad_token_id": 50283,
    "position_embedding_type": "absolute",
    "sep_token_id": 50282,
    "tie_word_embeddings": True,
    "vocab_size": 50368,
}

CONFIGS: dict[str, dict[str, Any]] = {
    "bert-base-uncased": _BERT
    | {"gradient_checkpointing": False, "position_embedding_type": "absolute"},
    "bert-base-cased": _BERT | {"vocab_size": 28996},
    "all-MiniLM-L6-v2": _MINILM,
    "all-MiniLM-L12-v2": _MINILM | {"num_hidden_layers": 12},
    "roberta-base": _ROBERTA,
    "roberta-large": _ROBERTA | _LARGE,
    "distilroberta-base": _ROBERTA | {"num_hidden_layers": 6},
    "camembert-base": _ROBERTA
    | {"model_type": "camembert", "bos_token_id": 5, "eos_token_id": 6, "vocab_size": 32005},
    "xlm-roberta-base": _ROBERTA
    | {"model_type": "xlm-roberta", "output_past": True, "vocab_size": 250002},
    "electra-small-discriminator": _ELECTRA
    | {"embedding_size": 128, "hidden_size": 256, "intermediate_size": 1024}
    | {"num_attention_heads": 4},
    "electra-base-discriminator": _ELECTRA,
    "electra-large-discriminator": _ELECTRA | _LARGE | {"embedding_size": 1024},
    "deberta-base": _DEBERTA | _POOLER | {"pooler_hidden_size": 768},
    "deberta-large": _DEBERTA | _LARGE | _POOLER | {"pooler_hidden_size": 1024},
    "deberta-v2-xlarge": _DEBERTA_V3
    | _POOLER
    | {
        "attention_head_size": 64,
        "conv_act": "gelu",
        "conv_kernel_size": 3,
        "hidden_size": 1536,
        "intermediate_size": 6144,
        "num_attention_heads": 24,
        "num_hidden_layers": 24,
        "pooler_hidden_size": 1536,
    },
    "deberta-v3-xsmall": _DEBERTA_V3
    | {"hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 6},
    "deberta-v3-small": _DEBERTA_V3 | {"num_hidden_layers": 6},
    "deberta-v3-base": _DEBERTA_V3,
    "deberta-v3-large": _DEBERTA_V3 | _LARGE | _POOLER | {"pooler_hidden_size": 1024},
    "mdeberta-v3-base": _DEBERTA_V3 | _POOLER | {"vocab_size": 251000},
    "ModernBERT-base": _MODERNBERT,
    "ModernBERT-large": _MODERNBERT
    | {"hidden_size": 1024, "intermediate_size": 2624}
    | {"num_attention_heads": 16, "num_hidden_layers": 28},
}
"""By the last part of the repository's name."""


def write(folder: Path, name: str, **changes: Any) -> Path:
    """Write a checkpoint's config.json as the backbone stage does; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.json"
    path.write_text(json.dumps(CONFIGS[name] | changes))
    path.write_text(json.dumps(AutoConfig.from_pretrained(folder).to_dict() | name_classes("abc")))
    return folder
