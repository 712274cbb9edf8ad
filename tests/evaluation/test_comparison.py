"""A paired difference of two predictions, and its interval by essay."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from pipeline.errors import UserError
from pipeline.evaluation.comparison import paired


def test_an_interval_by_hand():
    """Three essays with 2, 1 and 1 elements, of differences 1, 3; -1; 1.

    The mean is 4 / 4 = 1. Essays stand off it by 4 - 2, -1 - 1 and 1 - 1, whose squares sum to 8;
    the variance is 3 / 2 of 8 / 16, 0.75. Student's t with two degrees of freedom is 4.302653.
    """
    found = paired(np.array([1.0, 3.0, -1.0, 1.0]), ["A", "A", "B", "C"])
    assert found.difference == pytest.approx(1.0)
    half = 4.302652729911275 * np.sqrt(0.75)
    assert (found.low, found.high) == pytest.approx((1.0 - half, 1.0 + half), rel=1e-9)


def test_with_an_element_in_each_essay_it_is_student_s():
    """scipy's interval of a paired t test."""

    draw = np.random.default_rng(3)
    one, other = draw.normal(size=(2, 40))
    found = paired(one - other, [str(i) for i in range(40)])
    expected = ttest_rel(one, other).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_elements_of_an_essay_that_agree_count_once():
    """Each element twice in its essay: the same figure, and no narrower an interval."""

    differences, essays = np.array([0.3, -0.1, 0.2]), ["A", "B", "C"]
    once = paired(differences, essays)
    twice = paired(np.repeat(differences, 2), np.repeat(essays, 2).tolist())
    assert vars(twice) == pytest.approx(vars(once))


def test_one_essay_has_no_interval():
    with pytest.raises(UserError, match="one essay has no interval, expected two or more"):
        paired(np.array([0.1, 0.2]), ["A", "A"])
