"""Tiny random models in torch, what each of their modules gives, and their gradients."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import (
    AutoModelForTokenClassification,
    BertConfig,
    DebertaConfig,
    DebertaV2Config,
    PreTrainedConfig,
    PreTrainedModel,
    RobertaConfig,
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
_BUCKETS = _RELATIVE | {"max_relative_positions": 8, "position_buckets": 4}

CONFIGS: dict[str, PreTrainedConfig] = {
    "bert": BertConfig(max_position_embeddings=16, **SHAPE),
    "roberta": RobertaConfig(
        max_position_embeddings=18, pad_token_id=1, layer_norm_eps=1e-5, **SHAPE
    ),
    "deberta-v3": DebertaV2Config(
        position_biased_input=False, share_att_key=True, norm_rel_ebd="layer_norm", **_BUCKETS
    ),
    "deberta-v2-convolution": DebertaV2Config(
        embedding_size=12, conv_kernel_size=3, conv_act="gelu", **_BUCKETS | {"type_vocab_size": 2}
    ),
    "deberta-v2-p2c": DebertaV2Config(conv_kernel_size=5, **_RELATIVE | {"pos_att_type": "p2c"}),
    "deberta": DebertaConfig(position_biased_input=False, **_RELATIVE),
    "deberta-c2p": DebertaConfig(embedding_size=12, **_RELATIVE | {"pos_att_type": "c2p"}),
}
HOOKED = (".embeddings", ".attention.self", ".query", ".key", ".value", ".conv")  # and every layer


def model(name: str, seed: int) -> PreTrainedModel:
    """A model whose every parameter is random, norms and biases too."""
    made = AutoModelForTokenClassification.from_config(
        CONFIGS[name], attn_implementation="eager"
    ).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            centre = 1.0 if name.lower().endswith("norm.weight") else 0.0
            parameter.copy_(centre + 0.3 * torch.randn(parameter.shape, generator=generator))
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
        if name.endswith(HOOKED) or name.split(".")[-1].isdigit()
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
