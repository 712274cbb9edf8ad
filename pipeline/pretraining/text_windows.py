"""Texts as windows of whole words, in the form in which essays' windows are packed.

A word stands where an element does in an essay: the slot of a token is the word it belongs to.
Markers and special tokens are no words.
"""

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from pipeline.inputs.markup import mark_up
from pipeline.inputs.tokenizer import Tokenizer
from pipeline.inputs.tokens import Tokens, tokens_of
from pipeline.inputs.windowing import window_columns
from pipeline.inputs.windows import cut, window
from pipeline.progress import track
from pipeline.task import Task

_BATCH = 64  # texts tokenized at once


def read_windows(
    texts: Sequence[str], tokenizer: Tokenizer, length: int, task: Task, name: str
) -> Tokens:
    """Tokenize texts and cut them between words into windows.

    Args:
      texts: paragraph breaks become markers, as in essays.
      tokenizer: the backbone's.
      length: tokens of the longest window.
      task: the names of the columns.
      name: of the run, for the bar of progress.

    Returns:
      The windows; the essay of each is the index of its text.
    """
    special = tokenizer.special_ids
    capacity = length - sum(map(len, tokenizer.special))
    schema = window_columns(task)
    columns: list[list[object]] = [[] for _ in schema]
    batches = range(0, len(texts), _BATCH)
    for first in track(batches, len(batches), "batch", f"{name}: texts"):
        marked = [mark_up(t, [], tokenizer.reserved).text for t in texts[first : first + _BATCH]]
        encoded = tokenizer.backend.encode_batch(marked, add_special_tokens=False)
        for index, one in enumerate(encoded, first):
            ids, word_ids = np.array(one.ids, np.int64), one.word_ids
            owner = words(ids, word_ids, special)
            bounds = _bounds(owner)
            numbers = np.arange(len(bounds))
            for here in cut(bounds, len(ids), capacity, 0):
                made = window(ids, owner, here, numbers, tokenizer.special)
                for column, value in zip(columns, (str(index), *made), strict=True):
                    column.append(value)
    arrays = [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
    return tokens_of([pa.RecordBatch.from_arrays(arrays, schema=schema)], [])


def words(
    ids: Int[np.ndarray, " tokens"], word_ids: Sequence[int | None], special: Collection[int]
) -> Int[np.ndarray, " tokens"]:
    """Number the words of a text from 0; a special token or a marker has -1.

    Args:
      ids: the tokens.
      word_ids: each token's word as the tokenizer splits the text, None for no word's.
      special: ids that are never a word's, such as those of markers and of the unknown word.
    """
    given = np.array([-1 if word is None else word for word in word_ids], np.int64)
    given[np.isin(ids, sorted(special))] = -1
    begins = (given >= 0) & (np.diff(given, prepend=-1) != 0)
    return np.where(given >= 0, np.cumsum(begins) - 1, -1)


def _bounds(owner: Int[np.ndarray, " tokens"]) -> Int[np.ndarray, "words 2"]:
    """Return the first token of each word and the one after its last."""
    own = np.flatnonzero(owner >= 0)
    _, first, count = np.unique(owner[own], return_index=True, return_counts=True)
    starts = own[first]
    return np.stack([starts, starts + count], axis=1).reshape(-1, 2)
