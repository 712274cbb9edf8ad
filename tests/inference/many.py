"""Windows enough for several steps, in which each element goes on in the next window."""

import numpy as np
import pyarrow as pa

from pipeline.competition.schema import TASK
from pipeline.inputs.tokens import Tokens, tokens_of
from pipeline.inputs.windowing import window_columns

COUNT = 20


def tokens() -> Tokens:
    """Window i holds the end of element i and the beginning of element i + 1."""
    rng = np.random.default_rng(3)
    rows = [
        {
            "essay_id": "E",
            "input_ids": rng.integers(1, 40, 6).tolist(),
            "slot": [0, 0, -1, 1, 1, 1],
            "element": [i, i + 1],
            "weight": [1.0, 1.0],
        }
        for i in range(COUNT)
    ]
    batch = pa.RecordBatch.from_pylist(rows, schema=window_columns(TASK))
    return tokens_of([batch], [f"e{i}" for i in range(COUNT + 1)])
