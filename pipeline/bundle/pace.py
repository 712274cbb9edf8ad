"""Measures of a run's speed on a few essays, from which the time of many can be told."""

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int

from pipeline import params
from pipeline.competition import schema
from pipeline.competition.hidden import Hidden
from pipeline.inputs.packing import plan
from pipeline.inputs.tokens import Tokens

# Essays that are timed; so many take some tenths of a second.
_TIMED = 64


def count_rows(tokens: Tokens, rows: params.Rows) -> int:
    """Count the rows that all windows of a store take in prediction."""
    slots = max(rows.slots, int(tokens.n_slots.max(initial=0)))
    rows = dataclasses.replace(rows, slots=slots)
    return len(plan(tokens.lengths, tokens.n_slots, rows, seed=None))


def full_steps(tokens: Tokens, rows: params.Rows, steps: int) -> Int[np.ndarray, " windows"]:
    """Return numbers of windows that fill so many steps, each as often as it takes."""
    windows, wanted = np.arange(len(tokens)), steps * rows.per_step
    while True:
        order = plan(tokens.lengths[windows], tokens.n_slots[windows], rows, seed=None)
        if len(order) >= wanted:
            return windows[np.concatenate(order[:wanted])]
        windows = np.tile(windows, 2)


def seconds_per_essay(hidden: Hidden, encode: Callable[[Hidden, Path], object]) -> float:
    """Time the reading and encoding of one essay, as a share of many.

    One alone would be charged with all that is done once for a chunk. So the test's first essays
    are repeated, under ids of their own.

    Args:
      hidden: the test.
      encode: of a test, into a folder; has been called before, so that it is warm.

    Returns:
      Seconds; 0 where none of the first essays can be read.
    """
    with tempfile.TemporaryDirectory() as scratch:
        essays = _repeat(hidden, Path(scratch))
        if not essays:
            return 0.0
        started = time.perf_counter()
        encode(Hidden(Path(scratch)), Path(scratch))
        return (time.perf_counter() - started) / essays


def _repeat(hidden: Hidden, folder: Path) -> int:
    """Write a test of repeated essays; return their number."""
    (folder / "test").mkdir()
    tables, sources = [], hidden.essays[:_TIMED]
    for number in range(_TIMED):
        essay = sources[number % len(sources)]
        try:
            raw = hidden.split([essay])
        except Exception:
            continue
        (folder / "test" / f"{number}.txt").write_text(raw.essays[essay], encoding="utf-8")
        ids = [f"{number}-{place}" for place in range(len(raw.rows))]
        columns = {schema.ELEMENT_ID: ids, schema.ESSAY_ID: str(number)}
        tables.append(raw.rows.assign(**columns))
    if tables:
        pd.concat(tables).to_csv(folder / schema.TABLES["test"], index=False)
    return len(tables)
