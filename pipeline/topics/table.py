"""The topic of each essay of a split, as the topics stage writes it."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.competition.schema import ESSAY_ID
from pipeline.tables.columns import Columns, write_columns

CLUSTERING = "clustering.safetensors"
"""The fitted topics, beside the tables."""

_TOPIC = "topic"


def write_topics(folder: Path, split: str, essays: Sequence[str], texts: Sequence[str]) -> None:
    """Write the topic of each essay of `train` or `test`, by the essay's id."""
    write_columns(_path(folder, split), {ESSAY_ID: essays, _TOPIC: texts})


def read_topics(folder: Path, split: str) -> dict[str, str]:
    """Read the topics of `train` or `test` by essay.

    Raises:
      UserError: the table is missing, or is none.
    """
    table = Columns(_path(folder, split), [ESSAY_ID, _TOPIC])
    return dict(zip(table.strings(ESSAY_ID), table.strings(_TOPIC), strict=True))


def _path(folder: Path, split: str) -> Path:
    return folder / f"{split}.parquet"
