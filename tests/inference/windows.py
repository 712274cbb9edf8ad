"""Four windows for a tiny BERT, in which one element goes on in the next window."""

import pyarrow as pa

from pipeline.competition.schema import TASK
from pipeline.inputs.windowing import window_columns

ELEMENTS = ["a", "b", "c", "d", "e"]
WINDOWS = [
    {"essay_id": "E", "input_ids": [1, 5, 6, 7, 2], "slot": [-1, 0, 0, 0, 1], "element": [0, 1]},
    {"essay_id": "E", "input_ids": [1, 8, 9], "slot": [-1, 0, 0], "element": [1]},
    {"essay_id": "F", "input_ids": [3, 4, 5, 6, 7, 8], "slot": [0, 0, 0, 0, 1, -1],
     "element": [2, 3]},
    {"essay_id": "G", "input_ids": [11, 12], "slot": [0, 0], "element": [4]},
]  # fmt: skip


def rows() -> list[dict[str, object]]:
    """Every window with all of its columns."""
    return [{**w, "weight": [1.0] * len(w["element"])} for w in WINDOWS]


def batch() -> pa.RecordBatch:
    """The windows as a store's record batch."""
    return pa.RecordBatch.from_pylist(rows(), schema=window_columns(TASK))
