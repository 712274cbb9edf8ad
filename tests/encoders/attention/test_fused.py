from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.encoders.attention import fused, pallas
from pipeline.encoders.attention.disentangled import Relative
from pipeline.encoders.attention.dispatch import attend

TOKENS, HEADS, WIDTH, BLOCK = 48, 2, 16, 16  # three blocks of queries
KINDS = ["plain", "window", "keys", "queries", "both"]


def inputs(kind: str, dtype: Any, seed: int = 0) -> tuple[Any, ...]:
    """Three rows of one, many and two segments, the second of them of padding at its end."""
    rng = np.random.default_rng(seed)
    segment = np.ones((3, TOKENS), np.int32)
    segment[1] = np.sort(rng.integers(0, 9, TOKENS))[::-1]
    segment[2, 20:] = 2

    def draw(*shape: int) -> jax.Array:
        return jnp.asarray(rng.standard_normal(shape), dtype)

    content = [draw(3, TOKENS, HEADS, WIDTH) for _ in range(4)]
    tables = [draw(2 * TOKENS - 1, HEADS, WIDTH) for _ in range(2)]
    relative = {
        "keys": Relative(tables[0], None),
        "queries": Relative(None, tables[1]),
        "both": Relative(*tables),
    }.get(kind)
    return (*content, jnp.asarray(segment), relative)


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreted turn of a block is a slice for each of its rows, all of which compile."""
    monkeypatch.setattr(pallas, "_BLOCK", BLOCK)


def run(given: tuple[Any, ...], kind: str, implementation: str) -> list[np.ndarray]:
    """The output and every gradient."""
    query, key, value, cotangent, segment, relative = given
    window = 10 if kind == "window" else None

    @jax.jit
    def both(query: Any, key: Any, value: Any, relative: Any) -> Any:
        def attended(q: Any, k: Any, v: Any, r: Any) -> Any:
            return attend(q, k, v, segment, None, 0.0, implementation, window, r)

        out, pull = jax.vjp(attended, query, key, value, relative)
        return out, pull(cotangent)

    return [np.asarray(x, np.float32) for x in jax.tree.leaves(both(query, key, value, relative))]


@pytest.mark.usefixtures("any_platform", "_small_blocks")
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_over_several_blocks(kind: str):
    given = inputs(kind, jnp.float32)
    with jax.default_matmul_precision("highest"):
        found, reference = (run(given, kind, name) for name in ("fused", "xla"))
    for ours, expected in zip(found, reference, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("any_platform", "_small_blocks")
@pytest.mark.parametrize("kind", ["window", "both"])
def test_half_precision_errs_at_most_twice_as_much_as_xla_s(kind: str):
    """Against float32 on the same rounded inputs."""
    halves = inputs(kind, jnp.bfloat16)
    wide = jax.tree.map(lambda x: x.astype(jnp.promote_types(x.dtype, jnp.float32)), halves[:4])
    relative = jax.tree.map(lambda x: x.astype(jnp.float32), halves[5])
    with jax.default_matmul_precision("highest"):
        exact = run((*wide, halves[4], relative), kind, "xla")
    found = zip(run(halves, kind, "fused"), run(halves, kind, "xla"), exact, strict=True)
    for ours, theirs, wanted in found:
        assert np.abs(ours - wanted).max() <= 2 * np.abs(theirs - wanted).max()


@pytest.mark.parametrize("kind", ["window", "both"])
def test_it_is_lowered_for_the_tpu(kind: str):
    """As far as it goes without the TPU's own compiler, which `make tpu-check` brings."""
    query, key, value, cotangent, segment, relative = inputs(kind, jnp.bfloat16)
    window = 10 if kind == "window" else None

    def both(query: Any, key: Any, value: Any, relative: Any) -> Any:
        def attended(*parts: Any) -> Any:
            return fused.attention(*parts[:3], segment, window, parts[3])

        out, pull = jax.vjp(attended, query, key, value, relative)
        return out, pull(cotangent)

    traced = jax.jit(both).trace(query, key, value, relative)
    program = traced.lower(lowering_platforms=("tpu",)).as_text()
    assert program.count("tpu_custom_call") == 2
    assert "gather" not in program
    assert "dot_general" not in program  # every product is in the kernel
