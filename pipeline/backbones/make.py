"""A model's backbone from its source: config, tokenizer with the markers, weights, origin."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from transformers import AutoConfig, PreTrainedConfig

from pipeline import params
from pipeline.backbones import builtin, hub, marked_tokenizer, source_tokenizer, sources
from pipeline.backbones.sources import CONFIG, PREFIX
from pipeline.encoders.catalogue import check_served
from pipeline.encoders.config import Settings
from pipeline.encoders.head import build, name_classes
from pipeline.encoders.registry import architecture
from pipeline.encoders.weights import masked_heads
from pipeline.encoders.weights.folders import (
    backbone_names,
    backbone_shapes,
    check_shapes,
    grow,
)
from pipeline.encoders.weights.tensors import FILE, read_tensors, write_tensors
from pipeline.errors import UserError, naming
from pipeline.files import atomic_folder, read_json, sha256, write_json
from pipeline.graph import code_hash
from pipeline.graph.code_record import write_record
from pipeline.home import expanded
from pipeline.inputs.markers import with_paragraph
from pipeline.task import Task

WORDS = "embeddings/word/embedding"  # where every encoder keeps its embeddings of words
_HEAD = ("id2label", "label2id", "problem_type")
_VOLATILE = ("transformers_version", "_name_or_path", "architectures", "torch_dtype", *_HEAD)


def make(
    source: params.Backbone, encoder: str, essays: Path, task: Task, out: Path
) -> dict[str, Any]:
    """Write a backbone's folder.

    Args:
      source: the checkpoint's place, and the seed of the weights that are drawn.
      encoder: a name in the registry.
      essays: folder of text files that a builtin vocabulary is learnt from.
      task: the names of the classes, and the markers of types.
      out: is replaced.

    Returns:
      The fields of origin.json.

    Raises:
      UserError: the source is not there or not as expected, or the encoder does not serve it.
    """
    at = "" if source.revision is None else f"@{source.revision}"
    with (
        tempfile.TemporaryDirectory() as temporary,
        naming(Path(f"{source.source}{at}"), Path(temporary)),
    ):
        raw, origin = _fetch(source, encoder, essays, task, Path(temporary))
        with atomic_folder(out) as folder:
            _prepare(raw, encoder, task, source.seed, folder)
            write_json(folder / "origin.json", origin)
    return origin


def _fetch(
    source: params.Backbone, encoder: str, essays: Path, task: Task, scratch: Path
) -> tuple[Path, dict[str, Any]]:
    """Return the folder of the source's own files, and their origin."""
    name = source.source
    match sources.kind(source):
        case "builtin":
            kind = name.removeprefix(PREFIX)
            builtin.create(kind, encoder, essays, task.labels, source.seed, scratch)
            return scratch, {"source": name, "seed": source.seed}
        case "pretrained":
            return Path(name), {"source": name, "files": _hashes(sources.read_files(Path(name)))}
        case "folder":
            folder = expanded(name)
            for line in sources.lacking(folder):
                raise UserError(line)
            sources.check_folder(source)
            files = _hashes(sources.read_files(folder))
            return folder, {"source": name, "sha256": source.sha256, "files": files}
        case "hub":
            commit = hub.download(name, str(source.revision), scratch)
            origin = {"source": name, "revision": source.revision, "commit": commit}
            return scratch, origin | {"files": _hashes(sources.read_files(scratch))}


def _hashes(files: list[Path]) -> dict[str, str]:
    return {path.name: sha256(path) for path in files}


def _prepare(raw: Path, encoder: str, task: Task, seed: int, folder: Path) -> None:
    """Normalise a checkpoint into `folder`, and hold it against the model that reads it."""
    offered = architecture(encoder)
    fields = read_json(raw / CONFIG)
    check_served(encoder, fields.get("model_type"), raw / CONFIG)
    _hold_numbers(fields, raw / CONFIG)
    config = _read_config(raw)
    configured = offered.read_config(config.to_dict(), raw / CONFIG)
    tokenizer = source_tokenizer.read(raw)
    _hold_ids(tokenizer.backend, config.vocab_size, raw)
    # Written twice: transformers opens the tokenizer only beside a config, and the number of its
    # words, markers included, decides what the config has to say.
    write_json(folder / CONFIG, _stable(config.to_dict(), _VOLATILE))
    markers = with_paragraph(task.markers.values())
    size = marked_tokenizer.write(tokenizer, markers, configured.positions, folder)
    config.vocab_size = max(config.vocab_size, size)
    own = {"dtype": "float32", **name_classes(task.labels)}
    write_json(folder / CONFIG, _stable(config.to_dict(), _VOLATILE) | own)
    # All that training will look for is held here, where a message can name the user's own files.
    model = build(folder, encoder, Settings())
    wanted = backbone_shapes(model)
    tensors = read_tensors(raw, backbone_names(raw, model, wanted))
    words = offered.tensors(configured)[WORDS].name
    _hold_words(tensors, words, configured.vocab_size, raw)
    _grow_words(tensors, words, config.vocab_size, seed)
    check_shapes(tensors, wanted, raw)
    family = offered.families[configured.model_type]
    outside = {place.name for place in offered.head_tensors(configured).values()}
    prefixed = {n if n in outside else family.prefix + n: array for n, array in tensors.items()}
    write_tensors(folder / FILE, prefixed)
    head = masked_heads.find(raw, configured, config.vocab_size)
    write_tensors(folder / masked_heads.FILE, head)
    write_record(folder / "encoder.json", code_hash.network(encoder))


def _hold_numbers(fields: Mapping[str, Any], path: Path) -> None:
    """Refuse numbers that JSON has not: Python reads NaN and Infinity, and nothing writes them."""
    for key, value in fields.items():
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            raise UserError(f"{path}: {key}: expected finite numbers, found {value!r}") from None


def _read_config(raw: Path) -> PreTrainedConfig:
    try:
        return AutoConfig.from_pretrained(raw, local_files_only=True)
    except Exception as error:  # whatever a library makes of a file that a user brought
        reason = " ".join(str(error).split())
        raise UserError(f"{raw / CONFIG}: not a config: {reason}") from None


def _hold_ids(tokenizer: Tokenizer, rows: int, raw: Path) -> None:
    """Hold the tokenizer to the table of words: no word of it may lack a row."""
    word, number = max(tokenizer.get_vocab().items(), key=lambda item: item[1])
    if number >= rows:
        raise UserError(
            f"{raw}: the tokenizer gives {word!r} the id {number}, but config.json has a "
            f"vocab_size of {rows} rows"
        )


def _hold_words(tensors: Mapping[str, np.ndarray], name: str, size: int, raw: Path) -> None:
    """Hold the table of words to the config: only rows of markers are ever drawn."""
    rows = tensors[name].shape[:1]
    if rows != (size,):
        found = rows[0] if rows else "a single number"
        raise UserError(f"{raw}: {name}: expected {size} rows (vocab_size), found {found}")


def _grow_words(tensors: dict[str, np.ndarray], name: str, size: int, seed: int) -> None:
    """Draw the rows of new words; rows that no word uses stay, for the checkpoint has them."""
    words = tensors[name]
    if words.ndim == 2 and len(words) < size:
        tensors[name] = grow(words, size - len(words), name, seed)


def _stable(fields: Mapping[str, Any], dropped: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in dropped}
