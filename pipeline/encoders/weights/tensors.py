"""Safetensors in and out, as named numpy arrays in float32."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pipeline.errors import UserError, refusal
from pipeline.files import atomic_file, read_json

FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"


def weight_files(folder: Path) -> list[Path]:
    """List the safetensors of a folder: one file, or the shards that an index names.

    Raises:
      UserError: there are none, or the index names a file that is not there.
    """
    if (folder / FILE).is_file():
        return [folder / FILE]
    if not (folder / INDEX).is_file():
        raise UserError(f"{folder}: no {FILE} and no {INDEX}; only safetensors are read")
    files = [folder / name for name in shards(folder / INDEX)]
    for path in files:
        if not path.is_file():
            raise UserError(f"{path}: not found, though {folder / INDEX} names it")
    return files


def shards(index: Path) -> list[str]:
    """List the files that an index names, in order.

    Raises:
      UserError: the index is malformed, or a name is not that of a file beside it.
    """
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise UserError(f"{index}: weight_map: expected names of tensors to files, found {names!r}")
    # An index is a stranger's file, so no name in it may lead out of the folder.
    for name in names.values():
        if (
            not isinstance(name, str)
            or Path(name).name != name
            or not name.endswith(".safetensors")
        ):
            raise UserError(f"{index}: weight_map: expected a .safetensors file, found {name!r}")
    return sorted(set(names.values()))


def read_tensors(folder: Path, exact: bool = False) -> dict[str, np.ndarray]:
    """Read every tensor of a folder in float32.

    Args:
      folder: holds model.safetensors or its shards.
      exact: whether another dtype is an error; otherwise halves are widened.

    Raises:
      UserError: a file cannot be read, or a tensor is not of a float dtype.
    """
    tensors: dict[str, np.ndarray] = {}
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="np") as stream:
                for name in stream.keys():  # noqa: SIM118  (not a mapping)
                    tensors[name] = stream.get_tensor(name)
        except (SafetensorError, OSError, TypeError) as error:
            if refused := refusal(error, path):
                raise refused from None
            raise UserError(f"{path}: cannot be read as safetensors: {error}") from None
    if exact:
        _all_float32(tensors, folder)
    return tensors


def widen(tensors: Mapping[str, np.ndarray], where: Path) -> dict[str, np.ndarray]:
    """Cast half precision to float32.

    Raises:
      UserError: a tensor is neither float32 nor narrower.
    """
    for name, array in tensors.items():
        if array.dtype.name not in ("float32", "float16", "bfloat16"):
            raise UserError(f"{where}: {name}: expected a float dtype, found {array.dtype.name}")
    return {name: array.astype(np.float32, copy=False) for name, array in tensors.items()}


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write one file of float32 tensors; the same tensors give the same bytes."""
    arrays = {name: np.ascontiguousarray(tensors[name], np.float32) for name in sorted(tensors)}
    with atomic_file(path) as temporary:
        # Without the metadata torch's reader refuses the file.
        save_file(arrays, temporary, metadata={"format": "pt"})


def listed(names: Iterable[str], limit: int = 6) -> str:
    """Join some names for a message, with the number of those left out."""
    found = sorted(names)
    more = f" and {len(found) - limit} more" if len(found) > limit else ""
    return ", ".join(found[:limit]) + more


def _all_float32(tensors: Mapping[str, np.ndarray], folder: Path) -> None:
    for name, array in tensors.items():
        if array.dtype != np.float32:
            raise UserError(f"{folder}: {name}: expected float32, found {array.dtype.name}")
