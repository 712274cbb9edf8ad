"""The nested loop: a fit never sees the essays that it is scored on."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.competition.schema import LABELS
from pipeline.errors import UserError

Fit = TypeVar("Fit")


def nested_split(essays: Sequence[str], n_folds: int, seed: int) -> Int[np.ndarray, " rows"]:
    """Draw a fold for each row: essays stay whole, and folds have equally many but for one.

    The split depends on `seed` and the set of essays alone, not on the order of rows.

    Raises:
      UserError: there are fewer essays than folds.
    """
    # Elements of an essay are alike: a fit that has seen some of them knows more of the others than
    # of an essay that is new.
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
    """Predict each part of `split` by a fit on all others.

    Args:
      fit: takes a mask of rows and returns a fit; it must look at no other row.
      apply: takes a fit and a mask and returns the probabilities of those rows.
      split: the part of each row.

    Returns:
      Probabilities of all rows, and the fit of each part.
    """
    fits: list[Fit] = []
    out = np.empty((len(split), len(LABELS)))
    for part in np.unique(split):
        own = split == part
        fits.append(fit(~own))
        out[own] = apply(fits[-1], own)
    return out, fits
