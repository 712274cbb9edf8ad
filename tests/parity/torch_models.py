"""Tiny random models in torch, what each of their modules gives, and their gradients."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import (
    AutoModelForTokenClassification,
    BertConfig,
    CamembertConfig,
    DebertaConfig,
    DebertaV2Config,
    ElectraConfig,
    ModernBertConfig,
    PreTrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    XLMRobertaConfig,
)

LABELS = 3
LENGTHS = (14, 9, 1)  # real tokens of each row; the rest is padding
SHAPE = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "type_vocab_size": 2,
    "num_labels": LABELS,
}
# Rows have more distances than the tables have rows.
_RELATIVE = SHAPE | {
    "max_position_embeddings": 16,
    "max_relative_positions": 6,
    "type_vocab_size": 0,
    "num_hidden_layers": 3,
    "relative_attention": True,
    "pos_att_type": "p2c|c2p",
}
_LONG = _RELATIVE | {"max_position_embeddings": 1024, "max_relative_positions": 512}
# As published ones have it: a single token type, and padding before the first position.
_ROBERTA = SHAPE | {
    "type_vocab_size": 1,
    "max_position_embeddings": 18,
    "pad_token_id": 1,
    "layer_norm_eps": 1e-5,
}
_BUCKETS = _RELATIVE | {"max_relative_positions": 8, "position_buckets": 4}

MODERN = SHAPE | {
    "num_hidden_layers": 5,
    "max_position_embeddings": 16,
    "local_attention": 5,  # two to either side
    "pad_token_id": 0,
    **dict.fromkeys(("bos_token_id", "cls_token_id"), 1),
    **dict.fromkeys(("eos_token_id", "sep_token_id"), 2),
}
MODERN.pop("type_vocab_size")


def _types(letters: str) -> list[str]:
    return [{"g": "full_attention", "l": "sliding_attention"}[letter] for letter in letters]


CONFIGS: dict[str, PreTrainedConfig] = {
    "bert": BertConfig(max_position_embeddings=16, **SHAPE),
    "roberta": RobertaConfig(
        max_position_embeddings=18, pad_token_id=1, layer_norm_eps=1e-5, **SHAPE
    ),
    "roberta_one_type": RobertaConfig(**_ROBERTA),
    "camembert": CamembertConfig(**_ROBERTA),
    "xlm-roberta": XLMRobertaConfig(**_ROBERTA),
    "deberta-v3": DebertaV2Config(
        position_biased_input=False, share_att_key=True, norm_rel_ebd="layer_norm", **_BUCKETS
    ),
    "deberta-v2-convolution": DebertaV2Config(
        embedding_size=12, conv_kernel_size=3, conv_act="gelu", **_BUCKETS | {"type_vocab_size": 2}
    ),
    "deberta-v2-p2c": DebertaV2Config(conv_kernel_size=5, **_RELATIVE | {"pos_att_type": "p2c"}),
    "deberta": DebertaConfig(position_biased_input=False, **_RELATIVE),
    "deberta_long": DebertaConfig(position_biased_input=False, **_LONG),
    "deberta-v3_long": DebertaV2Config(
        position_biased_input=False,
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_buckets=256,
        **_LONG,
    ),
    "deberta-c2p": DebertaConfig(embedding_size=12, **_RELATIVE | {"pos_att_type": "c2p"}),
    "electra": ElectraConfig(embedding_size=8, max_position_embeddings=16, **SHAPE),
    "electra_wide": ElectraConfig(
        embedding_size=16, max_position_embeddings=16, classifier_dropout=0.2, **SHAPE
    ),
    "modernbert": ModernBertConfig(**MODERN, layer_types=_types("glglg")),
    "modernbert_large": ModernBertConfig(**MODERN | {"num_hidden_layers": 8}),  # 2 + 2 * 3
    "modernbert_long": ModernBertConfig(
        **MODERN | {"max_position_embeddings": 1024, "local_attention": 128}
    ),
    "modernbert_odd": ModernBertConfig(  # nothing repeats; biases everywhere
        **MODERN | {"num_hidden_layers": 4, "hidden_activation": "gelu_pytorch_tanh"},
        layer_types=_types("lglg"),
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 50.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 20.0},
        },
        norm_bias=True,
        attention_bias=True,
        mlp_bias=True,
        classifier_bias=True,
        classifier_activation="silu",
    ),
}
HOOKED = (  # the last part of a module's name, and every layer
    *("embeddings", "embeddings_project", "self", "query", "key", "value"),
    *("attn_norm", "attn", "mlp_norm", "mlp", "final_norm", "head", "conv"),
)


def model(name: str, seed: int) -> PreTrainedModel:
    """A model whose every parameter is random, norms and biases too."""
    made = AutoModelForTokenClassification.from_config(
        CONFIGS[name], attn_implementation="eager"
    ).eval()
    # A residual stream without norms is ill-conditioned sooner: at 0.3 torch's own gradients err
    # by 8e-6 against float64.
    spread = 0.2 if name.startswith("modernbert") else 0.3
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            centre = 1.0 if name.lower().endswith("norm.weight") else 0.0
            parameter.copy_(centre + spread * torch.randn(parameter.shape, generator=generator))
    return made


@dataclass(frozen=True)
class Run:
    """Inputs and what torch made of them; `real` marks tokens that are no padding."""

    ids: np.ndarray
    real: np.ndarray
    cotangent: np.ndarray
    outputs: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]


def inputs(torch_model: PreTrainedModel, lengths: tuple[int, ...], seed: int) -> tuple:
    """Random tokens with padding at the right, and what to multiply the logits by."""
    rng = np.random.default_rng(seed)
    real = np.arange(max(lengths)) < np.array(lengths)[:, None]
    ids = rng.integers(5, torch_model.config.vocab_size, real.shape)
    ids = np.where(real, ids, torch_model.config.pad_token_id)
    cotangent = rng.standard_normal((*real.shape, LABELS)) * real[..., None]
    return ids.astype(np.int32), real, cotangent.astype(np.float32)


def run(torch_model: PreTrainedModel, lengths: tuple[int, ...], seed: int) -> Run:
    """Run forward and backward; outputs are those of modules, by Hugging Face's names."""
    ids, real, cotangent = inputs(torch_model, lengths, seed)
    outputs: dict[str, np.ndarray] = {}

    def keep(name: str) -> object:
        def hook(_module: object, _inputs: object, output: object) -> None:
            tensor = output[0] if isinstance(output, tuple) else output
            outputs[name] = tensor.detach().numpy().copy()

        return hook

    handles = [
        module.register_forward_hook(keep(name.removeprefix(torch_model.base_model_prefix + ".")))
        for name, module in torch_model.named_modules()
        if name.split(".")[-1] in HOOKED or name.split(".")[-1].isdigit()
    ]
    batch = {"input_ids": torch.tensor(ids).long(), "attention_mask": torch.tensor(real).long()}
    logits = torch_model(**batch).logits
    torch_model.zero_grad()
    (logits * torch.tensor(cotangent)).sum().backward()
    for handle in handles:
        handle.remove()
    outputs["logits"] = logits.detach().numpy()
    gradients = {name: p.grad.numpy().copy() for name, p in torch_model.named_parameters()}
    return Run(ids, real, cotangent, outputs, gradients)


def save(torch_model: PreTrainedModel, folder: Path) -> None:
    """Write config.json and model.safetensors as transformers does."""
    torch_model.save_pretrained(folder)
