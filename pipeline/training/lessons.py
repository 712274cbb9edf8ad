"""The soft labels of one fold: unlabelled essays, and what its own teacher makes of them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from pipeline import paths
from pipeline.errors import UserError
from pipeline.inputs.tokens import Tokens, read_tokens
from pipeline.tables.soft_labels import WINDOWS, read_soft_labels
from pipeline.training.job import Job
from pipeline.training.step import smoothed


class Lessons(NamedTuple):
    """Windows of unlabelled essays, and a probability of each class for each element."""

    tokens: Tokens
    probabilities: Float[np.ndarray, "elements labels"]


def read_lessons(job: Job, gold: Tokens, held: Int[np.ndarray, " windows"]) -> Lessons | None:
    """Read the soft labels of a fold; None where the model is trained on gold ones alone.

    Args:
      job: the fold.
      gold: the labelled essays.
      held: those of its windows that the fold holds out.

    Raises:
      UserError: there are soft labels that the model doesn't ask for, the fold's own are missing or
        odd, their teacher was trained on an essay that the fold holds out, or an essay is labelled.
    """
    folder = paths.soft_labels(job.model)
    if job.train.soft_labels == "none":
        if folder.exists():
            raise UserError(
                f"{folder}: soft labels, but models.{job.model}.train.soft_labels is none; "
                "`make prune` removes leftovers"
            )
        return None
    tokens = read_tokens(folder / WINDOWS)
    for found, known in (
        (tokens.essay_ids, gold.essay_ids),
        (tokens.element_ids, gold.element_ids),
    ):
        both = sorted(set(found) & set(known))
        if both:
            raise UserError(
                f"{folder / WINDOWS}: {both[0]!r} is labelled ({len(both)} such); expected essays "
                f"that {paths.tokens(job.model, 'train')} hasn't got"
            )
    held_out = {gold.essay_ids[i] for i in held.tolist()}
    return Lessons(tokens, read_soft_labels(folder, job.fold, held_out, tokens.element_ids))


def targets(
    gold: Int[np.ndarray, " labelled"],
    soft: Float[np.ndarray, "unlabelled labels"],
    smoothing: float,
) -> Float[np.ndarray, "elements labels"]:
    """Make a distribution for every element, gold ones first.

    Args:
      gold: classes; a distribution of zeros for -1.
      soft: probabilities, which stay as they are.
      smoothing: share of a gold label that is spread over all labels.
    """
    classes = np.zeros((len(gold), soft.shape[1]))
    known = np.flatnonzero(gold >= 0)
    classes[known, gold[known]] = 1.0
    classes[known] = smoothed(classes[known], smoothing)
    return np.concatenate([classes, soft]).astype(np.float32)
