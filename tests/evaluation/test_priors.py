"""Class shares of the other folds."""

import numpy as np

from pipeline.evaluation.priors import class_priors, type_priors

LABELS = np.array([0, 1, 1, 2, 1, 1])
FOLDS = np.array([0, 0, 0, 1, 1, 1])


def test_class_priors_are_the_other_folds_shares() -> None:
    # Outside fold 0: labels 2, 1, 1 and a third of a row each: (1/3, 7/3, 4/3) / 4.
    # Outside fold 1: labels 0, 1, 1: (4/3, 7/3, 1/3) / 4.
    rows = class_priors(LABELS, FOLDS)
    np.testing.assert_allclose(rows[:3], np.tile([1 / 12, 7 / 12, 4 / 12], (3, 1)))
    np.testing.assert_allclose(rows[3:], np.tile([4 / 12, 7 / 12, 1 / 12], (3, 1)))


def test_type_priors_fall_back_on_all_types() -> None:
    types = ["Lead", "Lead", "Claim", "Lead", "Lead", "Claim"]
    rows = type_priors(LABELS, FOLDS, types)
    # A lead of fold 0: labels 2, 1 outside, and (1, 7, 4) / 12 as one row: (1/12, 19/12, 16/12) / 3
    np.testing.assert_allclose(rows[0], [1 / 36, 19 / 36, 16 / 36])
    # The claim of fold 1: label 1 outside, and (4, 7, 1) / 12: (4/12, 19/12, 1/12) / 2
    np.testing.assert_allclose(rows[5], [4 / 24, 19 / 24, 1 / 24])
    alone = type_priors(LABELS, FOLDS, ["Lead", "Rebuttal", *types[2:]])
    np.testing.assert_allclose(alone[1], class_priors(LABELS, FOLDS)[1])


def test_a_rows_own_fold_does_not_count() -> None:
    other = np.array([2, 0, 0, 2, 1, 1])
    types = ["Lead", "Claim"] * 3
    assert (class_priors(LABELS, FOLDS)[:3] == class_priors(other, FOLDS)[:3]).all()
    assert (type_priors(LABELS, FOLDS, types)[:3] == type_priors(other, FOLDS, types)[:3]).all()
