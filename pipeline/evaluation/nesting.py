"""The nested loop: what is fitted never sees the essay that it is scored on."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.competition.schema import LABELS
from pipeline.errors import UserError

Fit = TypeVar("Fit")


def nested_split(essays: Sequence[str], n_folds: int, seed: int) -> Int[np.ndarray, " rows"]:
    """A fold for each row: essays whole, drawn from `seed`, as many in each fold as can be.

    It depends on the set of essays alone, not on the order of rows.

    Raises:
      UserError: there are fewer essays than folds.
    """
    names, index = np.unique(np.asarray(essays), return_inverse=True)
    if len(names) < n_folds:
        raise UserError(f"ensemble.nested_folds: expected at most {len(names)}, one for each essay")
    order = np.random.default_rng(seed).permutation(len(names))
    fold_of_essay = np.empty(len(names), np.int64)
    fold_of_essay[order] = np.arange(len(names)) % n_folds
    return fold_of_essay[index]


def nested(
    fit: Callable[[Bool[np.ndarray, " rows"]], Fit],
    apply: Callable[[Fit, Bool[np.ndarray, " rows"]], Float[np.ndarray, "some labels"]],
    split: Int[np.ndarray, " rows"],
) -> tuple[Float[np.ndarray, "rows labels"], list[Fit]]:
    """Predict each part of `split` by what was fitted on all others.

    Args:
      fit: of a mask of rows; it must look at no other row.
      apply: of what was fitted and a mask, the probabilities of those rows.
      split: the part of each row.

    Returns:
      Probabilities of all rows, and what was fitted for each part.
    """
    fits: list[Fit] = []
    out = np.empty((len(split), len(LABELS)))
    for part in np.unique(split):
        own = split == part
        fits.append(fit(~own))
        out[own] = apply(fits[-1], own)
    return out, fits
