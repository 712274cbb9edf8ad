"""The seed's input: each element's text alone, cut and padded to one length."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pipeline import clean_tables, paths
from pipeline.competition import schema

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it misses torch; this doesn't

from pipeline.files import read_json
from pipeline.inputs.tokenizer import open_tokenizer


def save_elements(
    backbone: Path, essays: Sequence[str], held: Sequence[str], length: int, path: Path
) -> int:
    """Tokenize the elements of some essays; the arrays ids, mask, label and held of [elements].

    Args:
      backbone: whose tokenizer.
      essays: the ids of all essays that are wanted.
      held: those of them that are kept from training.
      length: tokens of every element.
      path: where the arrays go.

    Returns:
      How many elements there are.
    """
    columns = [schema.ESSAY_ID, schema.ELEMENT_TEXT, clean_tables.LABEL]
    table = pq.read_table(paths.clean("train") / clean_tables.ELEMENTS_FILE, columns=columns)
    wanted, kept = set(essays), set(held)
    rows = [row for row in table.to_pylist() if row[schema.ESSAY_ID] in wanted]
    tokenizer = open_tokenizer(backbone, schema.TASK).backend
    tokenizer.enable_truncation(length)
    pad_id = read_json(backbone / "config.json")["pad_token_id"]
    tokenizer.enable_padding(pad_id=pad_id, length=length)
    made = tokenizer.encode_batch([row[schema.ELEMENT_TEXT] for row in rows])
    np.savez(
        path,
        ids=np.array([one.ids for one in made], np.int32),
        mask=np.array([one.attention_mask for one in made], np.int32),
        label=np.array([row[clean_tables.LABEL] for row in rows], np.int32),
        held=np.array([row[schema.ESSAY_ID] in kept for row in rows]),
    )
    return len(rows)
