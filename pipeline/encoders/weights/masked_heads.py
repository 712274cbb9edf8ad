"""Masked-language-model heads in and out of checkpoints, complete or drawn."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.encoders.config import Config
from pipeline.encoders.head import TokenClassifier
from pipeline.encoders.masked import Form, forms, head_shapes
from pipeline.encoders.registry import CLASSIFIER
from pipeline.encoders.weights.folders import (
    MASKED_HEAD,
    Params,
    checkpoint_shapes,
    copy_tokenizer,
    draw_all,
    export,
    family_of,
    gather,
    load_backbone,
    table,
    todays,
)
from pipeline.encoders.weights.tensors import FILE as WEIGHTS
from pipeline.encoders.weights.tensors import read_file, read_tensors, tensor_files, write_tensors
from pipeline.errors import UserError
from pipeline.files import read_json, write_json

FILE = MASKED_HEAD


def find(folder: Path, config: Config, words: int) -> dict[str, np.ndarray]:
    """Read the masked-language-model head of a checkpoint, as a backbone keeps it.

    Args:
      folder: holds the checkpoint.
      config: of the checkpoint.
      words: rows of the table of words to be; those of new words get a bias of 0.

    Returns:
      The tensors by Hugging Face's names; none where the checkpoint has no whole and finite head,
      or one of another shape, as a generator's beside a discriminator.
    """
    stored = {todays(name): name for name in tensor_files(folder)}
    for form in forms(config):
        wanted = checkpoint_shapes(head_shapes(config, form), form.tensors)
        names = _stored_names(form, wanted, stored)
        if not names:
            continue
        try:
            tensors = read_tensors(folder, names)
        except UserError:  # few models ever need it, so it is no reason to refuse a checkpoint
            continue
        if {name: array.shape for name, array in tensors.items()} == wanted:
            bias = form.biases[0]
            tensors[bias] = np.pad(tensors[bias], (0, words - len(tensors[bias])))
            return tensors
    return {}


def _stored_names(
    form: Form, wanted: Mapping[str, Any], stored: Mapping[str, str]
) -> dict[str, str]:
    """Return the names in the checkpoint by those that are wanted; none if one is missing."""
    names = {}
    for name in wanted:
        others = form.biases if name == form.biases[0] else (name,)
        there = [stored[other] for other in others if other in stored]
        if not there:
            return {}
        names[name] = there[0]
    return names


def form_of(folder: Path, config: Config) -> tuple[Form, bool]:
    """Return the head of a backbone, and whether its weights are there."""
    there = read_file(folder / FILE)
    offered = forms(config)
    for form in offered:
        if there.keys() == {tensor.name for tensor in form.tensors.values()}:
            return form, True
    return offered[0], False


def load(folder: Path, classifier: TokenClassifier, seed: int) -> Params:
    """Read a backbone and its masked-language-model head; draw the head that it lacks.

    Args:
      folder: the backbone's.
      classifier: the token classifier of its config.
      seed: of what is drawn.

    Returns:
      float32 numpy arrays, under "encoder", "head" where the architecture has one, and "masked".

    Raises:
      UserError: a tensor is missing, unexpected, not finite, or of another shape.
    """
    params = load_backbone(folder, classifier, seed)
    params.pop("classifier")
    form, there = form_of(folder, classifier.config)
    shapes = head_shapes(classifier.config, form)
    if there:
        leaves = gather(read_file(folder / FILE), shapes, form.tensors)
    else:
        leaves = draw_all(shapes, classifier.config.std, seed)
    masked: Params = {}
    for path, leaf in leaves.items():
        *parents, last = path.split("/")
        inner = masked
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = leaf
    return params | {"masked": masked}


def save(
    folder: Path,
    params: Mapping[str, Any],
    classifier: TokenClassifier,
    form: Form,
    backbone: Path,
) -> None:
    """Write a Hugging Face folder that torch's AutoModelForMaskedLM opens.

    Args:
      folder: is there, and empty.
      params: the parameter tree.
      classifier: the token classifier of the same encoder.
      form: of the head.
      backbone: folder whose config.json and tokenizer are copied too.
    """
    copy_tokenizer(backbone, folder)
    masked = family_of(classifier).classifier.replace("ForTokenClassification", "ForMaskedLM")
    kind = {"architectures": [masked], "dtype": "float32", **dict(form.fields)}
    write_json(folder / "config.json", read_json(backbone / "config.json") | kind)
    own = {p: t for p, t in table(classifier, prefixed=True).items() if p not in CLASSIFIER}
    own |= {f"masked/{path}": tensor for path, tensor in form.tensors.items()}
    write_tensors(folder / WEIGHTS, export(params, own))
