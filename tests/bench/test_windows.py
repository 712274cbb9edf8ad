"""The arrays that every peer reads: drawing, grouping, padding, scoring."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from bench.peers.windows import Pool, Windows, draw, grouped, log_loss

# Three windows: two elements, one element with a token of none before it, the first's rest.
WINDOWS = Windows(
    number=np.array([4, 7, 9]),
    held=np.array([False, True, False]),
    lengths=np.array([3, 4, 1]),
    n_slots=np.array([2, 1, 1]),
    ids=np.array([11, 12, 13, 21, 22, 23, 24, 31]),
    slot=np.array([0, 0, 1, -1, 0, 0, 0, 0]),
    element=np.array([0, 1, 2, 0]),
    label=np.array([2, 0, 1, 2]),
    weight=np.array([0.5, 1.0, 1.0, 0.5]),
)


def test_all_windows_of_essays_drawn_evenly():
    essays = ["a", "a", "b", "c", "c", "c", "d", "e"]
    assert draw(essays, np.arange(8), 3).tolist() == [0, 1, 3, 4, 5, 7]
    assert draw(essays, np.array([0, 2, 6, 7]), 2).tolist() == [0, 7]
    assert draw(essays, np.arange(8), 99).tolist() == list(range(8))


def test_batches_hold_like_lengths_within_their_area():
    lengths = np.array([5, 1, 2, 5, 2, 30, 1, 5])
    groups = grouped(lengths, 10, np.random.default_rng(0))
    assert sorted(tuple(sorted(lengths[g].tolist())) for g in groups) == [
        (1, 1, 2, 2),  # 4 x 2 = 8; with a 5 it would be 25
        (5,),
        (5, 5),
        (30,),  # longer than the area
    ]
    assert sorted(np.concatenate(groups).tolist()) == list(range(8))


def test_the_order_of_batches_is_drawn():
    lengths = np.arange(1, 30)
    orders = {
        tuple(g[0] for g in grouped(lengths, 30, np.random.default_rng(seed))) for seed in range(5)
    }
    assert len(orders) == 5


def test_padding_numbers_slots_over_the_batch():
    batch = WINDOWS.padded([1, 0])
    assert batch["ids"].tolist() == [[21, 22, 23, 24], [11, 12, 13, 0]]
    assert batch["mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert batch["slot"].tolist() == [[-1, 0, 0, 0], [1, 1, 2, -1]]
    assert batch["element"].tolist() == [2, 0, 1]
    assert batch["label"].tolist() == [1, 2, 0]
    assert batch["weight"].tolist() == [1.0, 0.5, 1.0]


def test_windows_come_back_from_their_file(tmp_path: Path):
    WINDOWS.save(tmp_path / "w.npz")
    for saved, own in zip(Windows.load(str(tmp_path / "w.npz")), WINDOWS, strict=True):
        np.testing.assert_array_equal(saved, own)


def test_elements_are_counted_once():
    assert WINDOWS.elements(~WINDOWS.held) == 2
    assert WINDOWS.elements(WINDOWS.held) == 1


def test_log_loss_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    logits, labels = 5 * rng.normal(size=(50, 3)).astype(np.float32), rng.integers(0, 3, 50)
    powers = np.exp(logits.astype(np.float64))
    expected = metrics.log_loss(labels, powers / powers.sum(axis=1, keepdims=True))
    assert log_loss(logits, labels) == pytest.approx(expected, rel=1e-12)


def test_an_element_in_two_windows_is_the_mean_over_its_tokens():
    pool = Pool()
    sums = np.array([[3.0, 0.0, 0.0], [0.0, 8.0, 0.0]])
    pool.add(np.array([5, 6]), np.array([0, 1]), sums, np.array([1.0, 2.0]))
    pool.add(np.array([5]), np.array([0]), np.array([[1.0, 4.0, 0.0]]), np.array([3.0]))
    assert len(pool) == 2
    # Element 5: (3 + 1, 0 + 4, 0) over 4 tokens; element 6: (0, 8, 0) over 2.
    expected = [np.log(2 * np.e + 1) - 1, np.log(np.exp(4) + 2) - 4]
    assert pool.loss() == pytest.approx(np.mean(expected), rel=1e-12)
