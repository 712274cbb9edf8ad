"""Parquet columns as lists and numpy arrays, without pandas, whose import takes a second.

`pa.array`, `Array.to_numpy` and `pq.read_table` import pandas where it is installed; the calls used
here don't.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Num

from pipeline.errors import UserError
from pipeline.files import atomic_file
from pipeline.refusals import refusal


class Columns:
    """Some columns of a Parquet file."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """Read the columns `names` of `path`.

        Raises:
          UserError: the file is missing or no Parquet, or lacks one of the columns.
        """
        self.path = path
        try:
            with pq.ParquetFile(path) as file:
                there = file.schema_arrow.names
                missing = [name for name in names if name not in there]
                if missing:
                    raise UserError(f"{path}: no column {missing[0]!r}, found {', '.join(there)}")
                self._table = file.read(list(names))
        except FileNotFoundError:
            raise UserError(f"{path}: not found") from None
        except (pa.ArrowInvalid, OSError) as error:
            if refused := refusal(error, path):
                raise refused from None
            raise UserError(f"{path}: not Parquet: {' '.join(str(error).split())}") from None

    def strings(self, name: str) -> list[str]:
        """Return a column of text."""
        return [str(value) for value in self._column(name).to_pylist()]

    def numbers(self, name: str) -> Num[np.ndarray, " rows"]:
        """Return a column of numbers, read-only."""
        column = self._column(name).combine_chunks()
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise UserError(f"{self.path}: column {name!r}: expected numbers, found {column.type}")
        return np.from_dlpack(column)

    def _column(self, name: str) -> pa.ChunkedArray:
        column = self._table.column(name)
        if column.null_count:
            raise UserError(f"{self.path}: column {name!r}: {column.null_count} rows are empty")
        return column


def write_columns(path: Path, columns: Mapping[str, Sequence[str] | np.ndarray]) -> None:
    """Write a Parquet file; the same columns give the same bytes."""
    arrays = [_numbers(c) if isinstance(c, np.ndarray) else _strings(c) for c in columns.values()]
    table = pa.Table.from_arrays(arrays, names=list(columns))
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _numbers(values: Num[np.ndarray, " rows"]) -> pa.Array:
    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _strings(values: Sequence[str]) -> pa.Array:
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, np.int32)
    offsets[1:] = np.cumsum([len(value) for value in encoded], dtype=np.int64)
    data = pa.py_buffer(b"".join(encoded))
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), data)
