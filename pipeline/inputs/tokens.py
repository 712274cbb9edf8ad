"""Token arrays as `datasets` saved them, read as numpy views of memory-mapped files.

`pq.read_table` and `Array.to_numpy` would import pandas, which takes a second. The calls used here
don't.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Int

from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.refusals import refusal

ELEMENTS = "elements.parquet"
"""The index of elements, within a folder of tokens: id and essay, in this order.

The columns have the competition's names, so they are read by their place.
"""

# Arrow's own errors are of the first three kinds; the others come of what is not a store of ours.
_DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError)

REPORT = "counts.json"
"""The counts of what was cut, continued and inserted, within a folder of tokens."""

FILES = (REPORT, "data-00000-of-00001.arrow", "dataset_info.json", ELEMENTS, "state.json")
"""All files of a folder of tokens."""


class Window(NamedTuple):
    """One sequence for the encoder; all arrays are views."""

    ids: Int[np.ndarray, "tokens"]
    slot: Int[np.ndarray, "tokens"]  # element of this window that a token belongs to, or -1
    element: Int[np.ndarray, "slots"]  # row of the elements index
    weight: Float[np.ndarray, "slots"]  # this part's share of its element's tokens


class _Chunk(NamedTuple):
    """One record batch: flat values, and the offsets of each window in them."""

    first: int
    token_offsets: Int[np.ndarray, "windows+1"]
    slot_offsets: Int[np.ndarray, "windows+1"]
    values: Window


@dataclass(frozen=True)
class Tokens:
    """Every window of one folder; holds no copy of the corpus."""

    essay_ids: list[str]  # per window
    lengths: Int[np.ndarray, "windows"]
    n_slots: Int[np.ndarray, "windows"]
    element_ids: list[str]  # per element
    chunks: list[_Chunk]
    chunk_of: Int[np.ndarray, "windows"]

    def __len__(self) -> int:
        return len(self.lengths)

    def window(self, index: int) -> Window:
        """Return views of one window's arrays."""
        chunk = self.chunks[self.chunk_of[index]]
        i = index - chunk.first
        t = slice(chunk.token_offsets[i], chunk.token_offsets[i + 1])
        s = slice(chunk.slot_offsets[i], chunk.slot_offsets[i + 1])
        ids, slot, element, weight = chunk.values
        return Window(ids[t], slot[t], element[s], weight[s])


def read_tokens(folder: Path) -> Tokens:
    """Open a folder that the tokenize stage wrote.

    Raises:
      UserError: the folder is missing or not whole.
    """
    try:
        names = [entry["filename"] for entry in read_json(folder / "state.json")["_data_files"]]
        parts = [batch for name in names for batch in mapped_windows(folder / name)]
        with pq.ParquetFile(folder / ELEMENTS) as file:
            ids = file.schema_arrow.names[0]
            index = file.read([ids])
        return tokens_of(parts, index.column(ids).to_pylist())
    except FileNotFoundError as error:
        raise UserError(f"{folder}: not whole, {error.filename or error} is missing") from None
    except _DAMAGE as error:
        if refused := refusal(error, folder):
            raise refused from None
        raise UserError(f"{folder}: no store of tokens: {' '.join(str(error).split())}") from None


def tokens_of(parts: Sequence[pa.RecordBatch], element_ids: list[str]) -> Tokens:
    """Make a store of the windows of record batches, essays first, and of their elements."""
    chunks = _chunks(parts)
    sizes = [len(chunk.token_offsets) - 1 for chunk in chunks]
    return Tokens(
        essay_ids=[essay for part in parts for essay in part.column(0).to_pylist()],
        lengths=_differences([chunk.token_offsets for chunk in chunks]),
        n_slots=_differences([chunk.slot_offsets for chunk in chunks]),
        element_ids=element_ids,
        chunks=chunks,
        chunk_of=np.repeat(np.arange(len(chunks)), sizes),
    )


def joined(first: Tokens, second: Tokens) -> Tokens:
    """Put the windows and the elements of one store behind those of another."""
    chunks = list(first.chunks)
    for chunk in second.chunks:
        elements = chunk.values.element + np.int32(len(first.element_ids))
        values = chunk.values._replace(element=elements)
        chunks.append(chunk._replace(first=chunk.first + len(first), values=values))
    return Tokens(
        essay_ids=[*first.essay_ids, *second.essay_ids],
        lengths=np.concatenate([first.lengths, second.lengths]),
        n_slots=np.concatenate([first.n_slots, second.n_slots]),
        element_ids=[*first.element_ids, *second.element_ids],
        chunks=chunks,
        chunk_of=np.concatenate([first.chunk_of, second.chunk_of + len(first.chunks)]),
    )


def mapped_windows(path: Path) -> list[pa.RecordBatch]:
    """Read an Arrow stream's batches, whose buffers lie in the mapped file."""
    if not path.stat().st_size:
        return []
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
        batches = [batch for batch in stream if batch.num_rows]
    for batch in batches:
        # Before anything is read by its offsets, which may lead out of the file.
        batch.validate(full=True)
    return batches


def _chunks(parts: Sequence[pa.RecordBatch]) -> list[_Chunk]:
    chunks, first = [], 0
    for part in parts:
        lists = [part.column(name) for name in ("input_ids", "slot", "element", "weight")]
        values = Window(*(np.from_dlpack(column.values) for column in lists))
        ids, _, element, _ = lists
        offsets = np.from_dlpack(ids.offsets), np.from_dlpack(element.offsets)
        chunks.append(_Chunk(first, *offsets, values))
        first += part.num_rows
    return chunks


def _differences(offsets: list[Int[np.ndarray, "_"]]) -> Int[np.ndarray, "windows"]:
    parts = [np.diff(part) for part in offsets]
    return np.concatenate([np.zeros(0, np.int32), *parts])
