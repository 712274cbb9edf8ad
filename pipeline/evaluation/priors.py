"""Class shares, over all elements or by type of element, which every member has to beat."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from pipeline.competition.schema import LABELS


def class_priors(
    labels: Int[np.ndarray, " rows"], folds: Int[np.ndarray, " rows"]
) -> Float[np.ndarray, "rows labels"]:
    """Return for each row the class shares of all rows outside its fold.

    One pseudo-row, spread evenly over the classes, keeps the share of an absent class above zero.
    """
    onehot = np.eye(len(LABELS))[labels]
    out = np.empty_like(onehot)
    for fold in np.unique(folds):
        out[folds == fold] = shares(onehot[folds != fold], np.full(len(LABELS), 1 / len(LABELS)))
    return out


def type_priors(
    labels: Int[np.ndarray, " rows"], folds: Int[np.ndarray, " rows"], types: Sequence[str]
) -> Float[np.ndarray, "rows labels"]:
    """Return for each row the class shares of the rows of its type outside its fold.

    One pseudo-row with the shares of all types stands in for a type that is rare.
    """
    onehot, kinds = np.eye(len(LABELS))[labels], np.asarray(types)
    out = class_priors(labels, folds)
    for fold in np.unique(folds):
        for kind in np.unique(kinds[folds == fold]):
            rows = (folds == fold) & (kinds == kind)
            out[rows] = shares(onehot[(folds != fold) & (kinds == kind)], out[rows][0])
    return out


def shares(
    onehot: Float[np.ndarray, "rows labels"], pseudo: Float[np.ndarray, " labels"]
) -> Float[np.ndarray, " labels"]:
    """Return the class shares of some rows and one pseudo-row more, spread as `pseudo` says."""
    return (onehot.sum(axis=0) + pseudo) / (len(onehot) + 1)
