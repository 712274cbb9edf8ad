"""Arrays of an .npz file, each held to the bytes that the file has of it before it gets room."""

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.lib import format as npy

from pipeline.errors import UserError
from pipeline.files import atomic_file
from pipeline.refusals import refusal

T = TypeVar("T")
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError,
          AttributeError, TypeError, ValueError)  # fmt: skip
"""What reading a damaged file raises, or putting its arrays together."""

_SUFFIX = ".npy"
# Bytes in which a header has room; NumPy refuses one of more than 10,000.
_HEAD = 1 << 16
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# NumPy's reader of headers, and Python's parser below it, on what is no header.
_NO_HEADER = (tokenize.TokenError, SyntaxError, MemoryError, RecursionError)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays without pickle; the same arrays have the same bytes."""
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **cast(Any, arrays))


def rebuild(path: Path, what: str, of_arrays: Callable[[Mapping[str, np.ndarray]], T]) -> T:
    """Put together what a file's arrays are of; no code of the file runs.

    Args:
      path: of the file.
      what: it holds, for messages.
      of_arrays: raises an error of `DAMAGE`, or a KeyError, where they are something else's.

    Raises:
      UserError: the file is missing or damaged, or holds something else.
    """
    try:
        return of_arrays(read_arrays(path))
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except KeyError as error:
        raise UserError(f"{path}: no {what}: no array {error.args[0]!r}") from None
    except DAMAGE as error:
        if refused := refusal(error, path):
            raise refused from None
        raise UserError(f"{path}: no {what}: {' '.join(str(error).split())}") from None


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array; no pickle is read, and no code of the file runs.

    Raises:
      ValueError: a member is no array, or claims other than the bytes that it holds; it begins with
        the array's name.
      OSError: the file can't be read.
      zipfile.BadZipFile: it is no archive.
    """
    arrays: dict[str, np.ndarray] = {}
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(_SUFFIX)
            try:
                # Arrays stand there as they are, so none is larger than its part of the file.
                held = min(member.file_size, member.compress_size, size)
                with archive.open(member) as stream:
                    _check_size(io.BytesIO(stream.read(_HEAD)), held)
                with archive.open(member) as stream:
                    arrays[name] = npy.read_array(stream, allow_pickle=False)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
    return arrays


def _check_size(start: io.BytesIO, held: int) -> None:
    """Hold the header at an array's start to the `held` bytes of the whole member.

    Raises:
      ValueError: there is no header, or it claims other bytes.
    """
    # The third version differs in the encoding of names alone, which the second's reader bears.
    version = npy.read_magic(start)
    read = _HEADERS.get(version, npy.read_array_header_2_0)
    try:
        shape, _, dtype = read(start)
    except _NO_HEADER as error:
        raise ValueError(f"no header of an array ({type(error).__name__})") from None
    claimed, rest = math.prod(shape) * dtype.itemsize, held - start.tell()
    # Objects stand there as a pickle of any length; reading refuses them by name.
    if claimed != rest and not dtype.hasobject:
        raise ValueError(f"claims {claimed} bytes, holds {rest}")
