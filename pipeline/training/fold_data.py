"""The data of one fold: windows to train on, packed for every epoch, and windows held out."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline import paths
from pipeline.inputs.packing import Batch, Plan, batches, plan
from pipeline.inputs.tokens import Tokens, read_tokens
from pipeline.metrics import accuracy, log_loss
from pipeline.params import Train
from pipeline.tables.essay_folds import held_out
from pipeline.tables.labels import read_labels
from pipeline.training.job import Job


@dataclass(frozen=True)
class Schedule:
    """Every epoch's plan, and the global steps that they make up.

    Attributes:
      tokens: the store of all windows.
      labels: a class for each element, -1 for those that are not trained on.
      windows: those of the store that are trained on.
      plans: for each epoch the rows of its steps, as indices into `windows`.
      options: of the model's training.
      pad_id: the token id of padding.
    """

    tokens: Tokens
    labels: Int[np.ndarray, " elements"]
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


class FoldData:
    """One fold's windows, with the labels to train on and the true ones to score against.

    Attributes:
      tokens: the store of all windows.
      held: the windows that are held out.
      truth: the true class of each element that is held out, -1 for the others.
      schedule: the batches to train on.
    """

    def __init__(self, job: Job, pad_id: int) -> None:
        """Read the inputs and plan every epoch.

        Raises:
          UserError: an input is missing or odd, or a window is too large for a row.
        """
        self.tokens = tokens = read_tokens(paths.tokens(job.model, "train"))
        held = held_out(tokens.essay_ids, job.fold)
        self.held, windows = np.flatnonzero(held), np.flatnonzero(~held)
        given, true = job.tables
        labels = read_labels(given, tokens.element_ids, elements_of(tokens, windows))
        self.truth = read_labels(true, tokens.element_ids, elements_of(tokens, self.held))
        lengths, n_slots = tokens.lengths[windows], tokens.n_slots[windows]
        train, seed = job.train, job.seed("packing")
        # From lengths, seed and epoch alone: the number of devices must not decide which rows share
        # a step.
        plans = [plan(lengths, n_slots, train.rows, seed, epoch) for epoch in range(train.epochs)]
        self.schedule = Schedule(tokens, labels, windows, plans, train, pad_id)

    def loss(self, probabilities: Float[np.ndarray, "elements labels"]) -> float:
        """Return the log loss of the elements that are held out."""
        return log_loss(self.truth[self.truth >= 0], probabilities[self.truth >= 0])

    def accuracy(self, probabilities: Float[np.ndarray, "elements labels"]) -> float:
        """Return the share of the elements held out whose likeliest class is the true one."""
        return accuracy(self.truth[self.truth >= 0], probabilities[self.truth >= 0])


def elements_of(
    tokens: Tokens, windows: Int[np.ndarray, " windows"]
) -> Bool[np.ndarray, " elements"]:
    """Mask the elements that have a part in some windows, a bool for each element."""
    there = np.zeros(len(tokens.element_ids), bool)
    for window in windows.tolist():
        there[tokens.window(window).element] = True
    return there
