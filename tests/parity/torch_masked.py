"""Tiny masked language models in torch, and their logits."""

import copy

import numpy as np
import torch
from transformers import AutoModelForMaskedLM, PreTrainedModel

from tests.parity.torch_models import CONFIGS, LENGTHS, inputs


def masked_model(name: str, seed: int) -> PreTrainedModel:
    """A model with every parameter drawn, biases too, and the head of the original checkpoints."""
    config = copy.deepcopy(CONFIGS[name])
    narrow = getattr(config, "embedding_size", config.hidden_size) != config.hidden_size
    if config.model_type in ("deberta", "deberta-v2"):
        config.legacy = narrow
    torch.manual_seed(seed)
    made = AutoModelForMaskedLM.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made.eval()


def masked_run(
    made: PreTrainedModel, seed: int, lengths: tuple[int, ...] = LENGTHS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, the mask of real tokens, and the logits."""
    ids, real, _ = inputs(made, lengths, seed)
    batch = {"input_ids": torch.tensor(ids).long(), "attention_mask": torch.tensor(real).long()}
    with torch.no_grad():
        return ids, real, made(**batch).logits.numpy()
