"""Assign essays to folds, stratified by label and type, grouped by essay."""

import warnings

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from sklearn.model_selection import StratifiedGroupKFold

from pipeline import clean_tables, params
from pipeline.competition import schema
from pipeline.errors import UserError

TOLERANCE = 0.01  # how far a fold's label share may be from the whole's on any number of elements
DEVIATIONS = 3.0  # and in standard deviations of a share among as many elements drawn at random


def share_bound(share: float, n_elements: int) -> float:
    """Return how far a label's share of a fold may lie from its share of the whole.

    Args:
      share: of the label among all elements.
      n_elements: in the fold.
    """
    return TOLERANCE + DEVIATIONS * float(np.sqrt(share * (1 - share) / n_elements))


def assign_folds(elements: pd.DataFrame, split: params.Split) -> pd.DataFrame:
    """Give every essay a fold.

    Args:
      elements: the clean training elements.
      split: number of folds and seed.

    Returns:
      A table of the essays' ids and folds (int8), in the essays' order.

    Raises:
      UserError: there are too few essays or elements for so many folds, or a fold's label shares
        are off.
    """
    essay_ids = elements[schema.ESSAY_ID]
    if essay_ids.nunique() < split.n_folds:
        raise UserError(
            f"split.n_folds: found {split.n_folds}, expected at most the number of training "
            f"essays, {essay_ids.nunique()}"
        )
    # The competition's second place found that stratified folds track the leaderboard better than
    # plain grouping.
    strata = elements[clean_tables.LABEL].astype(str) + elements[schema.ELEMENT_TYPE]
    codes = np.unique(strata.to_numpy(str), return_inverse=True)[1]
    # Elements of one essay resemble one another: in two folds they would make the log loss look
    # better than it is.
    groups = pd.factorize(essay_ids)[0]
    folds = np.full(len(elements), -1, np.int8)
    if np.bincount(codes).max() < split.n_folds:
        raise UserError(
            f"split.n_folds: found {split.n_folds}, expected at most the number of elements of the "
            f"commonest label and type, {np.bincount(codes).max()}"
        )
    splitter = StratifiedGroupKFold(split.n_folds, shuffle=True, random_state=split.seed)
    with warnings.catch_warnings():  # of rare types; `check_folds` tells whether it matters
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        for fold, (_, held_out) in enumerate(splitter.split(codes, codes, groups)):
            folds[held_out] = fold
    # The splitter is greedy and promises nothing about shares, so the result is measured.
    check_folds(groups, elements[clean_tables.LABEL].to_numpy(), folds, split.n_folds)
    table = pd.DataFrame({schema.ESSAY_ID: essay_ids, clean_tables.FOLD: folds})
    return table.drop_duplicates(schema.ESSAY_ID).reset_index(drop=True)


def check_folds(
    essays: Int[np.ndarray, "elements"],
    labels: Int[np.ndarray, "elements"],
    folds: Int[np.ndarray, "elements"],
    n_folds: int,
) -> Float[np.ndarray, "folds labels"]:
    """Check that each essay is in one fold, and that label shares are near the whole's.

    Returns:
      The share of each label in each fold.

    Raises:
      UserError: a fold is empty or its label shares are outside `share_bound`.
      AssertionError: an essay is in two folds or in none.
    """
    pairs = np.unique(np.stack([essays, folds.astype(essays.dtype)]), axis=1)
    assert pairs.shape[1] == len(np.unique(essays)), "an essay is in two folds"
    assert folds.min() >= 0, "an essay is in no fold"
    whole = np.bincount(labels, minlength=len(schema.LABELS)) / len(labels)
    shares = np.zeros((n_folds, len(schema.LABELS)))
    for fold in range(n_folds):
        members = labels[folds == fold]
        if not len(members):
            raise UserError(f"split: fold {fold} is empty; choose fewer folds or another seed")
        shares[fold] = np.bincount(members, minlength=len(schema.LABELS)) / len(members)
        for name, share, expected in zip(schema.LABELS, shares[fold], whole, strict=True):
            bound = share_bound(expected, len(members))
            if abs(share - expected) > bound:
                raise UserError(
                    f"split: fold {fold}: found {share:.1%} {name}, expected {expected:.1%} "
                    f"within {bound:.1%}; choose fewer folds or another seed"
                )
    return shares
