from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from pipeline.encoders.attention import disentangled
from pipeline.encoders.attention.disentangled import (
    Relative,
    expand,
    log_buckets,
    relative_scores,
    skew,
    table_rows,
)
from pipeline.encoders.attention.dispatch import IMPLEMENTATIONS, attend

ROWS, TOKENS, HEADS, WIDTH, SPAN = 2, 13, 2, 4, 5  # distances up to 12, beyond the table
SEGMENT = np.array([[1] * 6 + [2] * 4 + [0] * 3, [1] * 13], np.int32)
TERMS = [("keys",), ("queries",), ("keys", "queries")]

pytestmark = pytest.mark.usefixtures("any_platform")


@pytest.fixture
def parts() -> dict[str, jax.Array]:
    rng = np.random.default_rng(0)
    content, table = (ROWS, TOKENS, HEADS, WIDTH), (2 * SPAN, HEADS, WIDTH)
    shapes = {"query": content, "key": content, "value": content, "keys": table, "queries": table}
    return {n: jnp.asarray(rng.standard_normal(s), jnp.float32) for n, s in shapes.items()}


def ours(parts: dict[str, Any], terms: tuple[str, ...], implementation: str, **of: Any) -> Any:
    rows = table_rows(parts["query"].shape[1], SPAN, None)
    relative = Relative(
        *(expand(parts[name], rows) if name in terms else None for name in ("keys", "queries"))
    )
    segment = jnp.asarray(of.get("segment", SEGMENT))
    content = (parts["query"], parts["key"], parts["value"])
    return attend(*content, segment, None, 0.0, implementation, relative=relative)


def by_gathers(parts: dict[str, Any], terms: tuple[str, ...]) -> Any:
    """The definition: a position's vector gathered for each pair of tokens."""
    places = jnp.arange(TOKENS)
    where = jnp.clip(places[:, None] - places[None, :] + SPAN, 0, 2 * SPAN - 1)
    where = jnp.broadcast_to(where, (ROWS, HEADS, TOKENS, TOKENS))
    query, key, value = (parts[n].swapaxes(1, 2) for n in ("query", "key", "value"))
    scores = query @ key.swapaxes(2, 3)
    if "keys" in terms:
        met = jnp.einsum("rhtw,phw->rhtp", query, parts["keys"])
        scores += jnp.take_along_axis(met, where, axis=-1)
    if "queries" in terms:
        met = jnp.einsum("rhtw,phw->rhtp", key, parts["queries"])
        scores += jnp.take_along_axis(met, where.swapaxes(2, 3), axis=-1).swapaxes(2, 3)
    own = SEGMENT[:, None, :, None] == SEGMENT[:, None, None, :]
    scores = jnp.where(own, scores / np.sqrt(WIDTH * (1 + len(terms))), -1e30)
    return (jax.nn.softmax(scores, axis=-1) @ value).swapaxes(1, 2)


def close(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("terms", TERMS)
def test_values_and_gradients_are_those_of_gathers(
    parts: dict[str, jax.Array], terms: tuple[str, ...], implementation: str
):
    cotangent = np.random.default_rng(1).standard_normal((ROWS, TOKENS, HEADS, WIDTH))

    def both(function: Any) -> Any:
        def loss(parts: Any) -> Any:
            out = function(parts)
            return jnp.sum(out * cotangent), out

        return jax.jit(jax.grad(loss, has_aux=True))(parts)

    found = both(lambda parts: ours(parts, terms, implementation))
    expected = both(lambda parts: by_gathers(parts, terms))
    jax.tree.map(close, found, expected)
    for name in ("keys", "queries"):
        assert bool(np.any(found[0][name])) == (name in terms)


def test_one_score_by_hand():
    """Token 2's weights over its row of three, from the definition in float64."""
    rng = np.random.default_rng(3)
    query, key, keys, queries = (rng.standard_normal((n, 4)) for n in (3, 3, 10, 10))
    scores = [
        query[2] @ key[j] + query[2] @ keys[5 + 2 - j] + queries[5 + 2 - j] @ key[j]
        for j in range(3)
    ]
    parts = {n: jnp.asarray(a[None, :, None], jnp.float32) for n, a in (("q", query), ("k", key))}
    tables = {n: jnp.asarray(a[:, None], jnp.float32) for n, a in (("k", keys), ("q", queries))}
    share = ours(
        {"query": parts["q"], "key": parts["k"], "value": jnp.eye(3, 4)[None, :, None]}
        | {"keys": tables["k"], "queries": tables["q"]},
        ("keys", "queries"),
        "xla",
        segment=np.ones((1, 3), np.int32),
    )
    np.testing.assert_allclose(
        share[0, 2, 0, :3], softmax(np.array(scores) / np.sqrt(12)), atol=1e-6
    )


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_segment_gives_what_it_gives_alone(parts: dict[str, jax.Array], implementation: str):
    together = ours(parts, TERMS[2], implementation)
    for own in (slice(0, 6), slice(6, 10)):
        alone = {n: parts[n][:1, own] for n in ("query", "key", "value")}
        alone |= {n: parts[n] for n in ("keys", "queries")}
        segment = SEGMENT[:1, own]
        close(together[:1, own], ours(alone, TERMS[2], implementation, segment=segment))


def test_blocks_of_tokens_give_what_one_block_gives(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(4)
    query, key = (jnp.asarray(rng.standard_normal((12, 4)), jnp.float32) for _ in range(2))
    tables = (jnp.asarray(rng.standard_normal((23, 4)), jnp.float32) for _ in range(2))
    relative = Relative(*tables)
    whole = relative_scores(query, key, relative)
    for block in (3, 4, 5):  # the last does not divide the row
        monkeypatch.setattr(disentangled, "_BLOCK", block)
        close(relative_scores(query, key, relative), whole)


@pytest.mark.parametrize("implementation", ["xla", "blocked"])
def test_there_is_no_gather_in_the_program(parts: dict[str, jax.Array], implementation: str):
    def loss(parts: Any) -> Any:
        return jnp.sum(ours(parts, TERMS[2], implementation) ** 2)

    program = jax.jit(jax.value_and_grad(loss)).lower(parts).as_text()
    assert "dot_general" in program
    assert "gather" not in program
    assert "scatter" not in program


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_half_precision_keeps_its_dtype(
    parts: dict[str, jax.Array], implementation: str, dtype: str
):
    halves = {name: part.astype(dtype) for name, part in parts.items()}
    found = ours(halves, TERMS[2], implementation)
    assert found.dtype == dtype
    wide = {name: part.astype(jnp.float32) for name, part in halves.items()}
    np.testing.assert_allclose(
        found.astype(jnp.float32),
        ours(wide, TERMS[2], implementation),
        atol=4 * float(jnp.finfo(dtype).eps),
    )


def test_skew_moves_each_row_by_its_number():
    moved = skew(jnp.arange(15.0).reshape(3, 5))
    assert moved.tolist() == [[2, 3, 4], [6, 7, 8], [10, 11, 12]]
    wide = skew(jnp.arange(12.0).reshape(2, 6))
    assert wide.tolist() == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


def test_buckets_by_hand():
    """Eight to a side and 16 tokens: exact to 4, then 4 (1 + ...) of ratio (15 / 4) ** (1 / 3)."""
    edges = [4 * (15 / 4) ** (n / 3) for n in (1, 2, 3)]
    assert [int(edge) for edge in edges] == [6, 9, 15]
    expected = [0, 1, 2, 3, 4, 5, 5, 6, 6, 6, 7, 7, 7, 7, 7, 7, 8]
    assert log_buckets(np.arange(17), 8, 16).tolist() == expected
    assert log_buckets(-np.arange(17), 8, 16).tolist() == [-bucket for bucket in expected]


def test_rows_of_a_table_stop_at_its_ends():
    assert table_rows(5, 3, None).tolist() == [0, 0, 1, 2, 3, 4, 5, 5, 5]
    far = table_rows(18, 8, 16)
    assert far[[0, 1, 2, 17, 33, 34]].tolist() == [0, 0, 1, 8, 15, 15]


def test_expanding_is_exact(parts: dict[str, jax.Array]):
    rows = table_rows(40, SPAN, None)
    found = expand(parts["keys"], rows)
    np.testing.assert_array_equal(found, np.asarray(parts["keys"])[rows])
