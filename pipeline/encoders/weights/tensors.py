"""Safetensors in and out, as named numpy arrays in float32."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pipeline.errors import UserError
from pipeline.files import atomic_file, read_json
from pipeline.refusals import refusal

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


def tensor_files(folder: Path) -> dict[str, Path]:
    """Find the file of each tensor of a folder, without reading any.

    Raises:
      UserError: a file cannot be read, or a tensor stands in two.
    """
    files: dict[str, Path] = {}
    for path in weight_files(folder):
        with _opened(path) as stream:
            for name in stream.keys():  # noqa: SIM118  (not a mapping)
                if name in files:
                    raise UserError(f"{path}: {name}: stands in {files[name].name} too")
                files[name] = path
    return files


def read_tensors(
    folder: Path, names: Mapping[str, str] | None = None, exact: bool = False
) -> dict[str, np.ndarray]:
    """Read tensors of a folder in float32.

    Args:
      folder: holds model.safetensors or its shards.
      names: of those to read, by the names to give them; None for all under their own.
      exact: whether another dtype is an error; otherwise halves are widened.

    Raises:
      UserError: a file cannot be read, or a tensor is of another dtype or not finite.
    """
    files = tensor_files(folder)
    wanted = {name: name for name in files} if names is None else names
    dtypes = ("F32",) if exact else ("F32", "F16", "BF16")
    tensors: dict[str, np.ndarray] = {}
    for path in dict.fromkeys(files[stored] for stored in wanted.values()):
        with _opened(path) as stream:
            for name, stored in wanted.items():
                if files[stored] == path:
                    tensors[name] = _read(stream, stored, dtypes, path)
    return tensors


def read_file(path: Path) -> dict[str, np.ndarray]:
    """Read all tensors of one file, which are in float32.

    Raises:
      UserError: it cannot be read, or a tensor is of another dtype or not finite.
    """
    with _opened(path) as stream:
        return {name: _read(stream, name, ("F32",), path) for name in stream.keys()}  # noqa: SIM118


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="np") as stream:
            yield stream
    except (SafetensorError, OSError, TypeError) as error:
        if refused := refusal(error, path):
            raise refused from None
        raise UserError(f"{path}: cannot be read as safetensors: {error}") from None


def _read(stream: Any, name: str, dtypes: Sequence[str], path: Path) -> np.ndarray:
    """Read one tensor, whole: rows that no word uses today are a checkpoint's too."""
    # Before it is read: numpy lacks some of the dtypes.
    dtype = stream.get_slice(name).get_dtype()
    if dtype not in dtypes:
        *others, last = dtypes
        expected = f"{', '.join(others)} or {last}" if others else last
        raise UserError(f"{path}: {name}: expected {expected}, found {dtype}")
    array = stream.get_tensor(name).astype(np.float32, copy=False)
    finite = np.isfinite(array)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise UserError(
            f"{path}: {name}: expected finite numbers, found {int((~finite).sum())} of "
            f"{array.size} that are not, the first {array[first]} at {list(first)}"
        )
    return array


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
