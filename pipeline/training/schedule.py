"""The steps of a run: every epoch's packed rows, one after another."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from pipeline.inputs.packing import Batch, Labels, Plan, batches
from pipeline.inputs.tokens import Tokens
from pipeline.params import Train


@dataclass(frozen=True)
class Schedule:
    """Every epoch's plan, and the global steps that they make up.

    Attributes:
      tokens: the store of all windows.
      labels: of each element that is trained on; None for no classes.
      windows: those of the store that are trained on.
      plans: for each epoch the rows of its steps, as indices into `windows`.
      options: of the model's training.
      pad_id: the token id of padding.
    """

    tokens: Tokens
    labels: Labels | None
    windows: Int[np.ndarray, " windows"]
    plans: Sequence[Plan]
    options: Train
    pad_id: int

    @property
    def ends(self) -> Int[np.ndarray, " epochs"]:
        """Steps done at the end of each epoch."""
        steps = [math.ceil(len(rows) / self.options.rows.per_step) for rows in self.plans]
        return np.cumsum(steps)

    @property
    def total(self) -> int:
        """Steps of all epochs: where the schedule ends."""
        return int(self.ends[-1])

    @property
    def evaluations(self) -> set[int]:
        """Steps after which the held-out fold is predicted, without the run's last step."""
        parts = self.options.evaluations
        starts = [0, *self.ends[:-1]]
        steps = {
            int(start + math.ceil((end - start) * part / parts))
            for start, end in zip(starts, self.ends, strict=True)
            for part in range(1, parts + 1)
        }
        # After the last one it is predicted anyway, for the out-of-fold file.
        return steps - {self.total}

    def epoch(self, step: int) -> float:
        """Return the epochs done after `step` steps, with a fraction."""
        index = min(int(np.searchsorted(self.ends, step, side="left")), len(self.ends) - 1)
        start = int(self.ends[index - 1]) if index else 0
        return index + (step - start) / (int(self.ends[index]) - start)

    def batches(self, start: int) -> Iterator[Batch]:
        """Yield every batch from global step `start` to the last."""
        done = 0
        for packed, end in zip(self.plans, self.ends, strict=True):
            if start < end:
                rows, skip = self.options.rows, max(start - done, 0)
                yield from batches(
                    self.tokens, self.windows, packed, rows, self.pad_id, skip, self.labels
                )
            done = int(end)
