"""The data of one fold: windows to train on, packed for every epoch, and windows held out.

A full fit holds none out.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline import paths
from pipeline.inputs.packing import plan
from pipeline.inputs.tokens import Tokens, joined, read_tokens
from pipeline.metrics import accuracy, log_loss
from pipeline.tables.essay_folds import held_out
from pipeline.tables.labels import read_labels
from pipeline.training.job import Job
from pipeline.training.lessons import read_lessons, targets
from pipeline.training.schedule import Schedule


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
          UserError: an input is missing or odd, a window is too large for a row, or the soft labels
            are not for this fold.
        """
        tokens = read_tokens(paths.tokens(job.model, "train"))
        essays = tokens.essay_ids
        held = np.zeros(len(essays), bool) if job.unit.full else held_out(essays, job.fold)
        self.held, windows = np.flatnonzero(held), np.flatnonzero(~held)
        given, true = job.tables[0], job.tables[-1]
        labels = read_labels(given, tokens.element_ids, elements_of(tokens, windows))
        soft = read_lessons(job, tokens, self.held)
        if soft is not None:
            if job.train.soft_labels == "alone":
                windows = windows[:0]
            windows = np.concatenate([windows, len(tokens) + np.arange(len(soft.tokens))])
            labels = targets(labels, soft.probabilities, job.train.label_smoothing)
            tokens = joined(tokens, soft.tokens)
        self.tokens = tokens
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
