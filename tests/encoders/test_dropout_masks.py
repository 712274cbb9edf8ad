import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.encoders.dropout_masks import keep_block, keep_mask, kept


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.0, 256), (0.1, 230), (0.5, 128), (0.999, 1), (0.75, 64)]
)
def test_bytes_that_keep(rate: float, expected: int):
    assert kept(rate) == expected


@settings(deadline=None, max_examples=10)
@given(rate=st.sampled_from([0.1, 0.25, 0.5]), seed=st.integers(0, 1000))
def test_share_that_is_kept(rate: float, seed: int):
    mask = np.asarray(keep_mask(jax.random.key(seed), (101, 400), rate))
    expected = round(256 * (1 - rate)) / 256
    assert abs(mask.mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / mask.size)


def threefry(key: np.ndarray, counter: int) -> list[int]:
    """Threefry-2x32 with 20 rounds, by the paper (Salmon et al., 2011), on Python's integers."""

    def turn(word: int, by: int) -> int:
        return (word << by | word >> (32 - by)) % 2**32

    first, second = (int(word) for word in key)
    schedule = [first, second, first ^ second ^ 0x1BD11BDA]
    x, y = (counter + first) % 2**32, second
    for step in range(20):
        x = (x + y) % 2**32
        y = turn(y, [13, 15, 26, 6, 17, 29, 16, 24][step % 8]) ^ x
        if step % 4 == 3:
            add = step // 4 + 1
            x = (x + schedule[add % 3]) % 2**32
            y = (y + schedule[(add + 1) % 3] + add) % 2**32
    return [x, y]


def test_eight_bytes_of_a_draw_serve_a_group_of_128_rows():
    key = jax.random.key(3)
    data = np.asarray(jax.random.key_data(key))
    mask = np.asarray(keep_mask(key, (200, 3), 0.5))
    for row, column in [(0, 0), (1, 2), (15, 1), (16, 0), (70, 2), (127, 1), (128, 0), (199, 2)]:
        group, byte, draw = row // 128, row % 128 // 16, row % 16
        word = threefry(data, (group * 16 + draw) * 3 + column)[byte // 4]
        assert mask[row, column] == ((word >> 8 * (byte % 4)) % 256 < 128), (row, column)


def test_no_two_entries_of_a_mask_go_together():
    mask = np.asarray(keep_mask(jax.random.key(1), (256, 4096), 0.5)).astype(np.float64)
    between = np.corrcoef(mask)[np.triu_indices(256, 1)]
    assert np.abs(between).max() < 6 / np.sqrt(4096)


@pytest.mark.parametrize("transposed", [False, True])
def test_a_block_is_cut_out_of_the_mask(transposed: bool):
    key = jax.random.key(5)
    mask = np.asarray(keep_mask(key, (300, 70), 0.3))
    block = keep_block(key, (128, 9), (150, 40), 70, 0.3, transposed)
    expected = mask[128:278, 9:49]
    np.testing.assert_array_equal(block, expected.T if transposed else expected)
