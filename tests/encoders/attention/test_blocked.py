"""The blocked form over several blocks, against the reference, with what it leaves out."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.encoders.attention.dispatch import attend
from pipeline.encoders.attention.segment_masks import reach

TOKENS = 512  # four blocks
SEGMENT = np.zeros((3, TOKENS), np.int32)  # the last row is nothing but padding
SEGMENT[0, :100], SEGMENT[0, 100:300], SEGMENT[0, 300:505] = 1, 2, 3
SEGMENT[1, :128], SEGMENT[1, 128:256], SEGMENT[1, 256:257] = 1, 2, 3


def values_and_gradients(
    implementation: str, rate: float, window: int | None, dtype: Any = jnp.float32
) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    drawn = (rng.standard_normal((3, TOKENS, 2, 4)).astype(np.float32) for _ in range(4))
    *parts, cotangent = (jnp.asarray(part, dtype) for part in drawn)
    keys, segment = jax.random.split(jax.random.key(7), 3), jnp.asarray(SEGMENT)

    @jax.jit
    def run(*parts: Any) -> Any:
        def of(query: Any, key: Any, value: Any) -> Any:
            return attend(query, key, value, segment, keys, rate, implementation, window)

        out, pull = jax.vjp(of, *parts)
        return out, *pull(cotangent)

    return [np.asarray(array, np.float32) for array in run(*parts)]


@pytest.mark.parametrize(("rate", "window"), [(0.0, None), (0.3, None), (0.3, 40), (0.0, 200)])
def test_several_blocks_agree_with_the_reference(rate: float, window: int | None):
    ours, reference = (values_and_gradients(name, rate, window) for name in ("blocked", "xla"))
    for own, expected in zip(ours, reference, strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_errs_at_most_twice_as_much_as_the_reference(dtype: str):
    exact = values_and_gradients("xla", 0.3, None)
    errors = {
        name: [
            np.sqrt(np.mean((half - full) ** 2))
            for half, full in zip(values_and_gradients(name, 0.3, None, dtype), exact, strict=True)
        ]
        for name in ("blocked", "xla")
    }
    for own, reference in zip(errors["blocked"], errors["xla"], strict=True):
        assert 0 < own <= 2 * reference


def test_what_a_block_reaches():
    """By hand: the first row's blocks, without a window and with one of 40 tokens."""
    first, last = reach(jnp.asarray(SEGMENT[0]), None, 128)
    assert (first.tolist(), last.tolist()) == ([0, 100, 100, 300], [299, 299, 504, 511])
    first, last = reach(jnp.asarray(SEGMENT[0]), 40, 128)
    assert (first.tolist(), last.tolist()) == ([0, 100, 216, 344], [167, 295, 423, 511])
