"""Tokenization of clean essays into windows, saved as memory-mapped Arrow."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import params
from pipeline.clean_tables import ELEMENTS_FILE, ESSAYS_FILE, TEXT
from pipeline.errors import UserError
from pipeline.files import atomic_folder, write_json
from pipeline.inputs.tokenizer import Tokenizer, check_window, open_tokenizer
from pipeline.inputs.tokens import ELEMENTS, REPORT
from pipeline.inputs.windowing import (
    NO_TOPICS,
    Windowing,
    capacity,
    content_columns,
    window_columns,
)
from pipeline.progress import bar
from pipeline.task import Task

_BATCH = 64  # essays tokenized at once


def write_tokens(
    clean: Path,
    backbone: Path,
    folder: Path,
    inputs: params.Inputs,
    task: Task,
    topics: Mapping[str, str] = NO_TOPICS,
) -> Mapping[str, int]:
    """Tokenize one split of the clean tables.

    The folder's bytes depend on the texts, topics, tokenizer and `inputs` alone. Tables are mapped,
    not loaded, and the cache that `datasets` needs for that is gone in the end.

    Args:
      clean: the folder of clean elements and essays.
      backbone: the folder of the tokenizer and of the encoder's config.
      folder: where the windows go.
      inputs: context, length and overlap of windows.
      task: names of columns, and markers.
      topics: the text that opens each window of an essay; empty where none has one.

    Returns:
      The counts of what was made, cut and left out, as the folder's report holds them.

    Raises:
      UserError: an input is missing, or the window doesn't suit the encoder.
    """
    check_window(backbone, inputs.window)
    tokenizer = open_tokenizer(backbone, task)
    _check_overlap(inputs, tokenizer, topics)
    index = _read_index(clean / ELEMENTS_FILE, task)
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache, atomic_folder(folder) as out:
        windowing = Windowing(
            tokenizer,
            inputs,
            task,
            elements=_mapped(clean / ELEMENTS_FILE, content_columns(task), cache).data.table,
            index=index,
            topics=topics,
        )
        essays = _mapped(clean / ESSAYS_FILE, [task.essay_column, TEXT], cache)
        windowing.check_essays(essays[task.essay_column], clean / ESSAYS_FILE)
        made = _map(essays, windowing, task, f"tokenize {clean.name}")
        windowing.check_complete()
        made.save_to_disk(out, num_shards=1)
        pq.write_table(index, out / ELEMENTS, compression="zstd")
        write_json(out / REPORT, dict(windowing.counts))
        # All that maps files of the cache has to go before the cache does.
        del made, essays, windowing.elements
    return dict(windowing.counts)


def _check_overlap(inputs: params.Inputs, tokenizer: Tokenizer, topics: Mapping[str, str]) -> None:
    room = min(capacity(inputs, tokenizer, topic) for topic in {"", *topics.values()})
    if inputs.overlap >= room:
        raise UserError(
            f"inputs.overlap: {inputs.overlap} tokens, but a window of {inputs.window} has room "
            f"for {room} beside the special ones and the topic's; expected less"
        )


def _read_index(path: Path, task: Task) -> pa.Table:
    if not path.is_file():
        raise UserError(f"{path}: not found; run the validate stage first")
    columns = [task.id_column, task.essay_column]
    return pq.read_table(path, columns=columns).replace_schema_metadata(None)


def _mapped(path: Path, columns: list[str], cache: str) -> datasets.Dataset:
    """Return a Parquet table as Arrow in `cache`, mapped into memory."""
    if not path.is_file():
        raise UserError(f"{path}: not found; run the validate stage first")
    if not pq.read_metadata(path).num_rows:
        return datasets.Dataset.from_dict({column: [] for column in columns})
    made = datasets.Dataset.from_parquet(str(path), cache_dir=cache, columns=columns)
    assert isinstance(made, datasets.Dataset)
    return made


def _map(
    essays: datasets.Dataset, windowing: Windowing, task: Task, description: str
) -> datasets.Dataset:
    """Make all essays' windows, under a fingerprint of their content.

    The fingerprint that `datasets` would give depends on where and when the tables were read.
    """
    features = datasets.Features.from_arrow_schema(window_columns(task))
    if not len(essays):
        return datasets.Dataset.from_dict({name: [] for name in features}, features=features)
    with bar(len(essays), "essays", description) as progress:

        def batch(columns: Mapping[str, list[Any]], rows: list[int]) -> dict[str, list[Any]]:
            made = windowing.batch(columns[task.essay_column], columns[TEXT], rows)
            progress.update(len(rows))
            return made

        made = essays.map(
            batch,
            with_indices=True,
            batched=True,
            batch_size=_BATCH,
            remove_columns=essays.column_names,
            features=features,
            load_from_cache_file=False,
            new_fingerprint="windows",
        )
    digest = hashlib.sha256()
    for part in made.data.to_batches():
        digest.update(part.serialize())
    info = datasets.DatasetInfo(features=features)
    return datasets.Dataset(made.data, info=info, fingerprint=digest.hexdigest()[:16])
