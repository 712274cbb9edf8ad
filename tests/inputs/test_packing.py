"""Packing: exact small plans by hand, and what holds of every plan."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import params
from pipeline.errors import UserError
from pipeline.inputs import packing
from tests.configurations import section


def shape(length: int, slots: int = 100, pool: int = 100) -> params.Rows:
    return section(params.Rows, per_step=2, length=length, slots=slots, pool=pool)


def as_lists(plan: packing.Plan) -> list[list[int]]:
    return [row.tolist() for row in plan]


@pytest.mark.parametrize(
    ("lengths", "n_slots", "rows", "expected"),
    [
        pytest.param([], [], shape(10), [], id="nothing"),
        pytest.param([10], [1], shape(10), [[0]], id="a window that fills its row"),
        # 6 opens, 5 opens, 4 goes to the 6, 3 to the 5, 2 to what the 5 and 3 leave.
        pytest.param([3, 4, 5, 6, 2], [1] * 5, shape(10), [[3, 1], [2, 0, 4]], id="longest first"),
        # The 2 fits beside the 5 and beside the 7: beside the 7 it leaves less.
        pytest.param([7, 5, 2], [1] * 3, shape(10, slots=9), [[0, 2], [1]], id="best fit"),
        # Equal lengths stay in order, and so do rows with equal room: the first is taken.
        pytest.param([6, 6, 4, 4], [1] * 4, shape(10), [[0, 2], [1, 3]], id="ties in order"),
        # Beside the 7 there is one slot left: the 2 of two slots goes beside the 5.
        pytest.param([7, 5, 2], [3, 1, 2], shape(10, slots=4), [[0], [1, 2]], id="slots"),
        # Two rows with the same room: the one with just enough free slots is taken.
        pytest.param([6, 6, 4], [1, 3, 1], shape(10, slots=4), [[0], [1, 2]], id="fit of slots"),
        pytest.param([1, 1, 1], [2, 2, 2], shape(10, slots=4), [[0, 1], [2]], id="full of slots"),
        # Pools of equal size (2 and 1, not 2 and then the rest): 4 and 6 don't meet.
        pytest.param([4, 4, 6], [1] * 3, shape(10, pool=2), [[0, 1], [2]], id="pools"),
    ],
)
def test_plan_by_hand(
    lengths: list[int], n_slots: list[int], rows: params.Rows, expected: list[list[int]]
) -> None:
    plan = packing.plan(np.array(lengths, np.int32), np.array(n_slots, np.int32), rows, None)
    assert as_lists(plan) == expected


sizes = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 6)), max_size=120)


@settings(deadline=None, max_examples=150)
@given(sizes, st.integers(1, 50), st.none() | st.integers(-5, 2**64), st.integers(0, 3))
def test_every_window_once_within_a_row(
    windows: list[tuple[int, int]], pool: int, seed: int | None, epoch: int
) -> None:
    lengths, n_slots = np.array(windows, np.int32).reshape(-1, 2).T
    rows = shape(40, slots=7, pool=pool)
    plan = packing.plan(lengths, n_slots, rows, seed, epoch)
    assert sorted(w for row in as_lists(plan) for w in row) == list(range(len(windows)))
    assert all(len(row) and lengths[row].sum() <= 40 and n_slots[row].sum() <= 7 for row in plan)
    assert as_lists(plan) == as_lists(packing.plan(lengths, n_slots, rows, seed, epoch))


@settings(deadline=None, max_examples=60)
@given(sizes)
def test_as_a_scan_of_all_rows_would_do(windows: list[tuple[int, int]]) -> None:
    lengths, n_slots = np.array(windows, np.int32).reshape(-1, 2).T
    plan = packing.plan(lengths, n_slots, shape(64, slots=9, pool=1000), None)
    scanned: list[list[int]] = []
    for w in sorted(range(len(windows)), key=lambda w: -windows[w][0]):
        fits = []
        for r, row in enumerate(scanned):
            room = 64 - sum(windows[i][0] for i in row)
            free = 9 - sum(windows[i][1] for i in row)
            if room >= windows[w][0] and free >= windows[w][1] and free > 0:
                fits.append((room, free, r))
        if fits:
            scanned[min(fits)[2]].append(w)
        else:
            scanned.append([w])
    assert as_lists(plan) == scanned


def test_seed_and_epoch_draw_another_order() -> None:
    rng = np.random.default_rng(0)
    lengths, n_slots = rng.integers(5, 60, 200), rng.integers(1, 4, 200)
    plans = [
        as_lists(packing.plan(lengths, n_slots, shape(64, pool=50), seed, epoch))
        for seed, epoch in [(1, 0), (1, 1), (2, 0), (None, 0)]
    ]
    assert all(a != b for i, a in enumerate(plans) for b in plans[:i])
    evaluation = packing.plan(lengths, n_slots, shape(64, pool=50), None, epoch=3)
    assert as_lists(evaluation) == plans[3]


def test_training_mixes_the_order_of_lengths() -> None:
    lengths = np.arange(1, 101)
    plan = packing.plan(lengths, np.ones(100, int), shape(100, slots=2), seed=1)
    longest = [int(lengths[row].max()) for row in plan]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))


def test_fill() -> None:
    assert packing.fill(np.array([3, 4, 5]), [np.array([0, 1]), np.array([2])], 8) == 0.75
    assert packing.fill(np.zeros(0, int), [], 8) == 0.0


def test_a_window_longer_than_a_row() -> None:
    with pytest.raises(UserError, match=r"rows\.length: 10 tokens, but the longest window has 11"):
        packing.plan(np.array([3, 11]), np.array([1, 1]), shape(10), None)


def test_a_window_with_more_elements_than_a_row() -> None:
    with pytest.raises(UserError, match=r"rows\.slots: 4 elements, but the fullest window has 5"):
        packing.plan(np.array([3, 4]), np.array([5, 1]), shape(10, slots=4), None)
