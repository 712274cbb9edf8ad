"""Hugging Face checkpoints to parameter trees and back, complete both ways or an error."""

import dataclasses
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Float32

from pipeline.encoders.config import Config
from pipeline.encoders.head import TokenClassifier
from pipeline.encoders.registry import CLASSIFIER, Architecture, Family, Tensor, architecture
from pipeline.encoders.weights.tensors import (
    FILE,
    listed,
    read_tensors,
    tensor_files,
    write_tensors,
)
from pipeline.errors import UserError
from pipeline.files import atomic_folder, read_json, write_json
from pipeline.seeds import tensor_draws

Params = dict[str, Any]
Shapes = dict[str, tuple[int, ...]]

OWN_SETTINGS = "pipeline.json"
"""The file of a fold's weights that is this project's own: what they were trained on."""

_OLD_NORM = re.compile(r"(?<=LayerNorm\.)(gamma|beta)$")  # in checkpoints up to 2019
MASKED_HEAD = "masked_head.safetensors"
"""The file of a backbone that has its checkpoint's masked-language-model head, if it had one."""

CARD = "README.md"
"""The model card of a fold's folder; one of a backbone is of another model."""

_NOT_TOKENIZER = ("config.json", FILE, MASKED_HEAD, "origin.json", "encoder.json", CARD)


def load_backbone(folder: Path, model: TokenClassifier, seed: int) -> Params:
    """Read an encoder's weights and draw the head.

    Args:
      folder: holds model.safetensors without a head (one that is there is not used).
      model: says which parameters have to be there.
      seed: of the parameters that are drawn.

    Returns:
      float32 numpy arrays; leaves of the layers are stacked along a leading axis.

    Raises:
      UserError: a tensor is missing, unexpected, not finite, or of another shape.
    """
    shapes, drawn = parameter_shapes(model), architecture(model.name_of_encoder).drawn
    known = {path: shape for path, shape in shapes.items() if path not in drawn}
    rest = {path: shape for path, shape in shapes.items() if path in drawn}
    wanted = backbone_shapes(model)
    tensors = read_tensors(folder, backbone_names(folder, model, wanted))
    check_shapes(tensors, wanted, folder)
    leaves = gather(tensors, known, table(model))
    return _tree(leaves | draw_all(rest, model.config.std, seed))


def backbone_shapes(model: TokenClassifier) -> Shapes:
    """Return the shapes of the tensors that a backbone brings, by their names without prefix."""
    drawn = architecture(model.name_of_encoder).drawn
    known = {path: s for path, s in parameter_shapes(model).items() if path not in drawn}
    return checkpoint_shapes(known, table(model))


def backbone_names(folder: Path, model: TokenClassifier, wanted: Iterable[str]) -> dict[str, str]:
    """Find the tensors of a checkpoint that a model needs; those that it drops are never read.

    Args:
      folder: holds model.safetensors or its shards.
      model: that needs them.
      wanted: their names without prefix.

    Returns:
      The names of the tensors in their files, by those without prefix.

    Raises:
      UserError: a tensor is missing or unexpected, or stands there twice.
    """
    offered = architecture(model.name_of_encoder)
    names = canonical(tensor_files(folder), family_of(model), offered, model.config, folder)
    _same_names(names, wanted, folder)
    return names


def load_fold(folder: Path, model: TokenClassifier, exact: bool = True) -> Params:
    """Read an exported fold, which has to hold exactly the model's tensors, in float32.

    Args:
      folder: holds model.safetensors.
      model: says which tensors have to be there.
      exact: whether another dtype is an error; else halves, as bundles hold them, are widened.

    Raises:
      UserError: a tensor is missing, unexpected, not finite, or of another shape or dtype.
    """
    shapes, places = parameter_shapes(model), table(model, prefixed=True)
    wanted = checkpoint_shapes(shapes, places)
    _same_names(tensor_files(folder), wanted, folder)
    tensors = read_tensors(folder, exact=exact)
    check_shapes(tensors, wanted, folder)
    return _tree(gather(tensors, shapes, places))


def save_fold(
    folder: Path,
    params: Mapping[str, Any],
    model: TokenClassifier,
    backbone: Path,
    extra: Mapping[str, Any],
    card: str = "",
) -> None:
    """Write a Hugging Face folder that torch's AutoModelForTokenClassification opens.

    Args:
      folder: is replaced.
      params: the parameter tree.
      model: it belongs to.
      backbone: folder whose config.json and tokenizer are copied too.
      extra: this project's own settings, beside the name of the encoder.
      card: the text of the model card, where there is one.
    """
    kind = {"architectures": [family_of(model).classifier], "dtype": "float32"}
    with atomic_folder(folder) as temporary:
        copy_tokenizer(backbone, temporary)
        write_json(temporary / "config.json", read_json(backbone / "config.json") | kind)
        write_tensors(temporary / FILE, export(params, table(model, prefixed=True)))
        write_json(temporary / OWN_SETTINGS, {**extra, "encoder": model.name_of_encoder})
        if card:
            (temporary / CARD).write_text(card, encoding="utf-8")


def copy_tokenizer(backbone: Path, folder: Path) -> None:
    """Copy a backbone's tokenizer, and whatever else it holds but config, weights and records."""
    for path in sorted(backbone.iterdir()):
        if path.is_file() and path.name not in _NOT_TOKENIZER:
            shutil.copyfile(path, folder / path.name)


def draw(name: str, shape: tuple[int, ...], std: float, seed: int) -> Float32[np.ndarray, "..."]:
    """Draw one parameter as Hugging Face initialises it.

    Args:
      name: its path; the last part decides: biases are zero, scales one, others normal.
      shape: of the array.
      std: of the normal distribution.
      seed: of the stream.
    """
    last = name.rsplit("/", 1)[-1]
    if last in ("bias", "scale"):
        return np.full(shape, float(last == "scale"), np.float32)
    return (std * tensor_draws(seed, name).standard_normal(shape)).astype(np.float32)


def draw_all(shapes: Mapping[str, tuple[int, ...]], std: float, seed: int) -> dict[str, np.ndarray]:
    """Draw several parameters by path."""
    return {path: draw(path, shape, std, seed) for path, shape in shapes.items()}


def grow(
    rows: Float32[np.ndarray, "rows width"], count: int, name: str, seed: int
) -> Float32[np.ndarray, "more width"]:
    """Append `count` rows that look like the others: normal, with each column's mean and spread."""
    known = rows.astype(np.float64)
    drawn = tensor_draws(seed, name).standard_normal((count, rows.shape[1]))
    new = known.mean(axis=0) + known.std(axis=0) * drawn
    return np.concatenate([rows, new.astype(np.float32)])


def canonical(
    stored: Iterable[str], family: Family, offered: Architecture, config: Config, where: Path
) -> dict[str, str]:
    """Bring a checkpoint's names into one form: no prefix, today's endings, nothing needless.

    A tensor that the config has a place for is never needless.

    Returns:
      The names as they are stored, by those in one form.

    Raises:
      UserError: two tensors come to the same name.
    """
    names: dict[str, str] = {}
    needed = {name for place in offered.tensors(config).values() for name in place.names()}
    for name in stored:
        plain = todays(name.removeprefix(family.prefix))
        droppable = any(re.fullmatch(pattern, plain) for pattern in offered.droppable)
        if droppable and plain not in needed:
            continue
        if plain in names:
            raise UserError(f"{where}: the weights hold {plain} twice: {names[plain]} and {name}")
        names[plain] = name
    return names


def todays(name: str) -> str:
    """Return a tensor's name as checkpoints have it today."""
    return _OLD_NORM.sub(_new_norm, name)


def table(model: TokenClassifier, prefixed: bool = False) -> dict[str, Tensor]:
    """Return the tensor of every parameter by its path in the whole tree, encoder and head."""
    offered = architecture(model.name_of_encoder)
    prefix = family_of(model).prefix if prefixed else ""
    encoder = {
        f"encoder/{path}": dataclasses.replace(tensor, name=prefix + tensor.name)
        for path, tensor in offered.tensors(model.config).items()
    }
    head = {f"head/{path}": t for path, t in offered.head_tensors(model.config).items()}
    return encoder | head | dict(CLASSIFIER)


def parameter_shapes(model: TokenClassifier) -> Shapes:
    """Return the shape of every parameter by its path, without computing any."""
    row = jnp.zeros((1, 1), jnp.int32)
    tree = jax.eval_shape(lambda: model.init(jax.random.key(0), row, row, row, None))
    leaves: dict[str, Any] = flatten_dict(tree["params"], sep="/")
    return {path: leaf.shape for path, leaf in leaves.items()}


def export(params: Mapping[str, Any], places: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Name the leaves of a tree as Hugging Face does, layers apart and matrices transposed."""
    leaves = flatten_dict(params, sep="/")
    tensors = {}
    for path, place in places.items():
        leaf = np.asarray(leaves.pop(path))
        arrays = leaf if place.stacked else [leaf]
        for name, array in zip(place.names(), arrays, strict=True):
            tensors[name] = array.T if place.transposed else array
    if leaves:
        raise ValueError(f"no name for parameters: {listed(leaves)}")
    return tensors


def gather(
    tensors: Mapping[str, np.ndarray], shapes: Shapes, places: Mapping[str, Tensor]
) -> dict[str, np.ndarray]:
    """Stack and transpose tensors into leaves."""
    leaves = {}
    for path in shapes:
        place = places[path]
        arrays = [tensors[name] for name in place.names()]
        arrays = [array.T if place.transposed else array for array in arrays]
        leaves[path] = np.stack(arrays) if place.stacked else np.ascontiguousarray(arrays[0])
    return leaves


def checkpoint_shapes(shapes: Shapes, places: Mapping[str, Tensor]) -> Shapes:
    """Return the names and shapes that a checkpoint has to hold, as torch keeps them."""
    wanted = {}
    for path, shape in shapes.items():
        place = places[path]
        own = shape[1:] if place.stacked else shape
        for name in place.names():
            wanted[name] = own[::-1] if place.transposed else own
    return wanted


def check_shapes(tensors: Mapping[str, np.ndarray], wanted: Shapes, where: Path) -> None:
    """Hold tensors to the shapes that a model needs.

    Raises:
      UserError: one has another shape.
    """
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise UserError(f"{where}: {name}: expected shape {shape}, found {tensors[name].shape}")


def _same_names(found: Iterable[str], wanted: Iterable[str], where: Path) -> None:
    missing, unexpected = set(wanted) - set(found), set(found) - set(wanted)
    faults = [f"missing {listed(missing)}"] if missing else []
    faults += [f"unexpected {listed(unexpected)}"] if unexpected else []
    if faults:
        raise UserError(f"{where}: the weights do not fit the model: {'; '.join(faults)}")


def _new_norm(match: re.Match[str]) -> str:
    return {"gamma": "weight", "beta": "bias"}[match[0]]


def family_of(model: TokenClassifier) -> Family:
    """Return Hugging Face's names for the model's type."""
    return architecture(model.name_of_encoder).families[model.config.model_type]


def _tree(leaves: Mapping[str, np.ndarray]) -> Params:
    return unflatten_dict({tuple(path.split("/")): leaf for path, leaf in leaves.items()})
