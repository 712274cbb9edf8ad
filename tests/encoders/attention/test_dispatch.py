from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from pipeline.encoders.attention.dispatch import IMPLEMENTATIONS, attend, default_attention, serving
from pipeline.encoders.attention.segment_masks import visible
from pipeline.encoders.dropout_masks import LEVELS, keep_mask, kept

ROWS, TOKENS, HEADS, WIDTH = 3, 9, 2, 4
SEGMENT = np.array(
    [[1, 1, 1, 2, 2, 2, 2, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0, 0]],
    np.int32,
)

pytestmark = pytest.mark.usefixtures("any_platform")


@pytest.fixture
def parts() -> list[jax.Array]:
    rng = np.random.default_rng(0)
    shape = (ROWS, TOKENS, HEADS, WIDTH)
    return [jnp.asarray(rng.standard_normal(shape), jnp.float32) for _ in range(3)]


def keys() -> jax.Array:
    return jax.random.split(jax.random.key(7), ROWS)


def by_hand(
    parts: list[jax.Array],
    share_of: Any = lambda share, row, head: share,
    window: int = TOKENS,
) -> np.ndarray:
    """Attention in float64, a head at a time, over the tokens of each segment alone."""
    query, key, value = (np.asarray(part, np.float64) for part in parts)
    out = np.zeros_like(query)
    for row in range(ROWS):
        for head in range(HEADS):
            share = np.zeros((TOKENS, TOKENS))
            for number in np.unique(SEGMENT[row]):
                own = np.flatnonzero(SEGMENT[row] == number)
                scores = query[row, own, head] @ key[row, own, head].T / np.sqrt(WIDTH)
                far = np.abs(own[:, None] - own) > window
                share[np.ix_(own, own)] = softmax(np.where(far, -np.inf, scores), axis=-1)
            out[row, :, head] = share_of(share, row, head) @ value[row, :, head]
    return out


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_values(parts: list[jax.Array], implementation: str):
    ours = attend(*parts, jnp.asarray(SEGMENT), None, 0.3, implementation)
    np.testing.assert_allclose(ours, by_hand(parts), atol=1e-5)


def test_what_a_token_sees():
    segment = jnp.array([1, 1, 1, 1, 2, 2, 0])
    everything = [
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
    ]
    near = [
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [0, 1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
    ]
    np.testing.assert_array_equal(visible(segment, None), np.array(everything, bool))
    np.testing.assert_array_equal(visible(segment, 2), np.array(near, bool))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("window", [0, 2])
def test_values_within_a_window(parts: list[jax.Array], window: int, implementation: str):
    ours = attend(*parts, jnp.asarray(SEGMENT), None, 0.0, implementation, window)
    np.testing.assert_allclose(ours, by_hand(parts, window=window), atol=1e-5)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_dropout_falls_on_the_weights_by_row_and_head(parts: list[jax.Array], implementation: str):
    def dropped(share: np.ndarray, row: int, head: int) -> np.ndarray:
        key = jax.random.fold_in(keys()[row], head)
        return share * np.asarray(keep_mask(key, share.shape, 0.3)) * LEVELS / kept(0.3)

    ours = attend(*parts, jnp.asarray(SEGMENT), keys(), 0.3, implementation)
    np.testing.assert_allclose(ours, by_hand(parts, dropped), atol=1e-5)


@pytest.mark.parametrize(("rate", "window"), [(0.0, None), (0.3, None), (0.3, 2)])
def test_implementations_agree_in_values_and_gradients(
    parts: list[jax.Array], rate: float, window: int | None
):
    cotangent = np.random.default_rng(1).standard_normal(parts[0].shape)

    def loss(implementation: str) -> Any:
        def of(query: Any, key: Any, value: Any) -> Any:
            segment = jnp.asarray(SEGMENT)
            out = attend(query, key, value, segment, keys(), rate, implementation, window)
            return jnp.sum(out * cotangent), out

        return jax.jit(jax.grad(of, argnums=(0, 1, 2), has_aux=True))(*parts)

    reference = jax.tree.leaves(loss("xla"))
    for name in IMPLEMENTATIONS:
        for ours, expected in zip(jax.tree.leaves(loss(name)), reference, strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)
            assert np.isfinite(ours).all()


def test_masks_agree_to_the_bit():
    """With equal scores and the identity as values, the output is the mask itself."""
    zeros = jnp.zeros((ROWS, TOKENS, HEADS, TOKENS))
    identity = jnp.broadcast_to(jnp.eye(TOKENS)[:, None], zeros.shape)
    one = jnp.ones((ROWS, TOKENS), jnp.int32)
    masks = [attend(zeros, zeros, identity, one, keys(), 0.5, name) > 0 for name in IMPLEMENTATIONS]
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])
    assert 0.3 < masks[0].mean() < 0.7


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_nothing_passes_between_segments(parts: list[jax.Array], implementation: str):
    def first(value: Any) -> Any:
        out = attend(*parts[:2], value, jnp.asarray(SEGMENT), None, 0.0, implementation)
        return jnp.sum(out[0, :3] ** 2)

    gradient = np.array(jax.grad(first)(parts[2]))
    assert (gradient[0, :3] != 0).all()
    gradient[0, :3] = 0
    assert not gradient.any()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_half_precision_keeps_its_dtype_and_softmax_in_float32(
    parts: list[jax.Array], implementation: str, dtype: str
):
    halves = [part.astype(dtype) for part in parts]
    ours = attend(*halves, jnp.asarray(SEGMENT), None, 0.0, implementation)
    assert ours.dtype == dtype
    close = 4 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(ours.astype(jnp.float32), by_hand(halves), atol=close)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_scores_beyond_float16_are_no_overflow(parts: list[jax.Array], implementation: str):
    """Queries and keys of hundreds: their products pass 65,504, and a token sees the largest."""
    query, key, value = parts
    halves = [part.astype(jnp.float16) for part in (300 * query, 300 * key, value)]
    scores = np.einsum("rqhw,rkhw->rhqk", *(np.asarray(half, np.float64) for half in halves[:2]))
    assert np.abs(scores).max() > 2 * 65504
    ours = attend(*halves, jnp.asarray(SEGMENT), None, 0.0, implementation)
    np.testing.assert_allclose(ours.astype(jnp.float32), by_hand(halves), atol=4 * 2.0**-10)


@pytest.mark.parametrize(
    ("device", "name"),
    [
        (("cpu", "cpu", "bfloat16"), "blocked"),
        (("gpu", "NVIDIA H100 80GB HBM3", "bfloat16"), "cudnn"),
        (("gpu", "NVIDIA H100 80GB HBM3", "float32"), "xla"),
        (("gpu", "Tesla T4", "float16"), "xla"),
        (("cpu", "cpu", "float16"), "blocked"),
        (("tpu", "TPU v3", "bfloat16"), "xla"),
        (("tpu", "TPU v4", "bfloat16"), "xla"),
        (("tpu", "TPU v5 lite", "bfloat16"), "fused"),
        (("tpu", "TPU v5", "bfloat16"), "fused"),  # v5p, as JAX names it
        (("tpu", "TPU v5p", "bfloat16"), "fused"),
        (("tpu", "TPU v6 lite", "bfloat16"), "fused"),
        (("tpu", "TPU v6 lite", "float32"), "fused"),
    ],
)
def test_default_by_device(device: tuple[str, str, str], name: str):
    assert default_attention(*device) == name


def test_the_reference_serves_what_others_cannot():
    for name in ("xla", "blocked"):
        assert serving(name, drops=True, relative=True) == name
    assert serving("fused", drops=False, relative=True) == "fused"
    assert serving("fused", drops=True, relative=False) == "xla"
    assert serving("cudnn", drops=False, relative=False) == "cudnn"
    assert serving("cudnn", drops=True, relative=False) == "xla"
    assert serving("cudnn", drops=False, relative=True) == "xla"
