"""Published architectures in torch: every tensor's shape, and models cut to two layers."""

import json
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel

from tests.backbones.published import write
from tests.parity.models import collapsed

LABELS = 3
SPREAD = 0.02  # of random weights: as Hugging Face initialises them


def shapes(folder: Path) -> dict[str, list[int]]:
    """The tensors of a config.json's token classifier, as `collapsed` has them."""
    config = AutoConfig.from_pretrained(folder, num_labels=LABELS)
    with torch.device("meta"):
        made = AutoModelForTokenClassification.from_config(config)
    return collapsed({name: tuple(p.shape) for name, p in made.named_parameters()})


def two_layers(folder: Path, name: str, seed: int) -> PreTrainedModel:
    """A published architecture at its full widths with two layers, its parameters random."""
    write(folder, name, num_hidden_layers=2)
    fields = json.loads((folder / "config.json").read_text())
    config = AutoConfig.for_model(**fields | {"num_labels": LABELS})
    made = AutoModelForTokenClassification.from_config(config, attn_implementation="eager")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter_name, parameter in made.named_parameters():
            centre = 1.0 if parameter_name.lower().endswith("norm.weight") else 0.0
            parameter.copy_(centre + SPREAD * torch.randn(parameter.shape, generator=generator))
    return made.eval()
