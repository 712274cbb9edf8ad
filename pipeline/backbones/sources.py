"""Sources of backbones: their kinds, and the checks that file names alone allow."""

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pipeline import params, paths
from pipeline.configuration import written
from pipeline.encoders.catalogue import serving
from pipeline.encoders.weights.tensors import FILE, INDEX, weight_files
from pipeline.errors import UserError
from pipeline.files import read_json, sha256_of
from pipeline.home import expanded

PREFIX = "builtin:"

BUILTIN: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "tiny": {
            "model_type": "bert",
            "hidden_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 256,
            "max_position_embeddings": 512,
            "type_vocab_size": 2,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            "initializer_range": 0.02,
            "layer_norm_eps": 1e-12,
            "pad_token_id": 0,
        },
        "tiny-deberta": {
            "model_type": "deberta-v2",
            "hidden_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 256,
            "max_position_embeddings": 512,
            "type_vocab_size": 0,
            "relative_attention": True,
            "position_biased_input": False,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 32,
            "max_relative_positions": 512,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            "initializer_range": 0.02,
            "layer_norm_eps": 1e-7,
            "pad_token_id": 0,
        },
    }
)
"""config.json of each, but for the size of the vocabulary."""

CONFIG = "config.json"
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spm.model",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
)
"""Every tokenizer file that is taken, of those that are there."""


def kind(source: params.Backbone) -> Literal["builtin", "pretrained", "folder", "hub"]:
    """Tell where a backbone comes from.

    Raises:
      UserError: there is no such builtin or folder, a key is set that such a source has no use
        for, or a repository of the Hub has no revision.
    """
    name = source.source
    if name.startswith(PREFIX):
        if name.removeprefix(PREFIX) not in BUILTIN:
            there = ", ".join(PREFIX + known for known in BUILTIN)
            raise UserError(f"backbone.source: no {name}; there are: {there}")
        _unused(source, "revision", "sha256")
        return "builtin"
    if is_pretrained(name):
        # No hash to hold it to: the graph makes it, and DVC knows it by `backbone.needs`.
        _unused(source, "revision", "sha256")
        return "pretrained"
    if expanded(name).is_dir():
        return "folder"
    if name.startswith(("/", ".", "~")):
        raise UserError(f"backbone.source: {name}: no such folder")
    _unused(source, "sha256")
    if source.revision is None:
        raise UserError(
            f"backbone.revision: {name}: a repository of the Hub needs one: a commit, or main"
        )
    return "hub"


def is_pretrained(source: str) -> bool:
    """Tell whether a source is a folder that the graph's own pre-training makes."""
    return Path(source).parent == paths.PRETRAINED


def _unused(source: params.Backbone, *keys: str) -> None:
    for key in keys:
        if getattr(source, key) is not None:
            raise UserError(f"backbone.{key}: {source.source}: expected null for such a source")


def lacking(folder: Path) -> Iterator[str]:
    """Yield a line for each thing that a backbone needs and the folder lacks.

    A folder or a dead link in the place of a file is told alone: it isn't missing.
    """
    no_files = list(_no_files(folder))
    yield from no_files
    if no_files:
        return
    if not (folder / CONFIG).is_file():
        yield f"{folder}: no {CONFIG}, so it is no backbone"
    try:
        weight_files(folder)
    except UserError as error:
        yield str(error)
    if not any((folder / name).is_file() for name in TOKENIZER):
        yield f"{folder}: no tokenizer files; expected tokenizer.json or a vocabulary"


def _no_files(folder: Path) -> Iterator[str]:
    for name in (CONFIG, *TOKENIZER, FILE, INDEX):
        path = folder / name
        if os.path.lexists(path) and not path.is_file():
            found = "a folder" if path.is_dir() else "a link" if path.is_symlink() else "a device"
            yield f"{path}: expected a file, found {found}"


def read_files(folder: Path) -> list[Path]:
    """List the files that a backbone is read from: config, tokenizer and safetensors, no others."""
    named = [folder / name for name in (CONFIG, *TOKENIZER)]
    return [path for path in named if path.is_file()] + weight_files(folder)


def check_folder(source: params.Backbone) -> None:
    """Hold a folder to what params.yaml says of it; the error has the whole block to write instead.

    Raises:
      UserError: the files have another hash, or there is a revision.
    """
    folder = expanded(source.source)
    found = sha256_of(read_files(folder), folder)
    if (found, None) == (source.sha256, source.revision):
        return
    encoder = serving(read_json(folder / CONFIG).get("model_type"))
    block = written(dataclasses.replace(source, revision=None, sha256=found))
    raise UserError(
        f"backbone.sha256: {folder}: expected {source.sha256 or 'null'}, found {found}; to take "
        f"the folder as it is now, write encoder: {encoder or 'none serves it'}, "
        f"backbone: {json.dumps(block)}"
    )
