"""The formula against a compiler, the cases, the search for rows, and the gathered DeBERTa."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bench import flops
from pipeline.encoders.attention.disentangled import Relative, expand, table_rows
from pipeline.encoders.attention.dispatch import attend
from pipeline.encoders.config import Settings
from tpu_check import attention, cases, configs, measure, report
from tpu_check.counting import products
from tpu_check.hlo import parse
from tpu_check.steps import classifier, parameters


def test_the_formula_is_what_a_compiler_makes_of_bert():
    """The products that XLA compiles, loops multiplied, are the other count."""
    fields = dict(configs.CONFIGS["google-bert/bert-base-uncased"]) | {
        "vocab_size": 50,
        "hidden_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 256,
    }
    model = classifier("bert", fields, Settings(attention="xla"))
    shape = jax.ShapeDtypeStruct((2, 64), jnp.int32)
    step = jax.jit(lambda params, ids: model.apply({"params": params}, ids, ids, ids, None))
    module = parse(step.lower(parameters(model), shape).compile().as_text())
    counted = sum(
        times * product.flops
        for instruction, own, times in module.scheduled()
        for product in products(module, instruction, own)
    )
    assert counted == flops.forward(fields, np.full(2, 64))


def test_every_recipe_for_tpus_is_compiled_with_its_own_parameters():
    recipes = cases.for_tpus()
    found = {(case.title, case.trains): case for case in cases.recipes(recipes, None)}
    names = {path.stem for path in cases.RECIPES.glob("*-tpu.yaml")} | {"gold"}
    assert {title for title, _ in found} == names
    assert len(found) == 2 * len(names)
    seed = found["bert-base-cased-seed-tpu", True]
    assert (seed.rows.per_step, seed.rows.length, seed.rows_per_core) == (256, 128, 32)
    assert seed.fields["vocab_size"] == 28996
    assert found["bert-base-cased-seed-tpu", False].rows.per_step == 512
    assert found["deberta-v3-large-tpu", True].train.remat == "selective"


def test_the_table_has_the_same_tokens_a_core_everywhere():
    found = list(cases.table(["bert-base"], ["v5e-1", "v5e-16"], [512, 1024], "blocked"))
    shapes = [
        (c.machine, c.rows.length, c.rows.per_step, c.rows_per_core) for c in found if c.trains
    ]
    assert shapes == [
        ("v5e-1", 512, 16, 16),
        ("v5e-1", 1024, 8, 8),
        ("v5e-16", 512, 256, 16),
        ("v5e-16", 1024, 128, 8),
    ]
    assert {case.train.attention for case in found} == {"blocked"}


def row(case: measure.Case, gibibytes: float | None) -> measure.Row:
    made: Any = SimpleNamespace(memory=int(2**30 * (gibibytes or 0)), arguments=0)
    return measure.Row(case, "xla", 0.0, compiled=None if gibibytes is None else made)


@pytest.mark.parametrize(("most", "found"), [(0, 0), (1, 1), (5, 5), (8, 8), (21, 20)])
@pytest.mark.parametrize("more", [None, 16.0])  # refused by the compiler; compiled, yet too large
def test_the_most_rows_are_found(
    most: int, found: int, more: float | None, monkeypatch: pytest.MonkeyPatch
):
    tried: list[int] = []

    def compile_it(case: measure.Case) -> measure.Row:
        tried.append(case.rows_per_core)
        return row(case, case.rows_per_core / 2 if case.rows_per_core <= most else more)

    monkeypatch.setattr(measure, "measure", compile_it)
    case = next(cases.table(["bert-base"], ["v5e-8"], [1024], None))
    assert measure.most_rows(compile_it(case)) == found
    assert len(set(tried)) == len(tried) <= 8


@pytest.mark.parametrize(("light", "kept"), [(15.4, "selective"), (15.6, "full"), (None, "full")])
def test_what_does_not_fit_is_computed_again(
    light: float | None, kept: str, monkeypatch: pytest.MonkeyPatch
):
    found = {"selective": light, "full": 12.0}
    monkeypatch.setattr(measure, "measure", lambda case: row(case, found[case.train.remat]))
    case = next(cases.table(["deberta-v3-large"], ["v3-8"], [1024], None))
    lightest = measure.lightest(case)
    assert lightest.case.train.remat == kept
    assert report.failures(lightest) == []
    too_large = report.failures(row(case, 15.6))
    assert too_large == ["deberta-v3-large, train, v3-8: does not fit: more memory than a core has"]


def test_the_gathered_form_gives_the_skew_s_numbers():
    rng = np.random.default_rng(3)
    tokens, span, heads, width = 24, 8, 2, attention.WIDTH

    def draw(*shape: int) -> jax.Array:
        return jnp.asarray(rng.standard_normal(shape), jnp.float32)

    query, key, value = (draw(2, tokens, heads, width) for _ in range(3))
    segment = jnp.asarray(np.repeat([[1, 2], [1, 0]], tokens // 2, axis=1))
    keys, queries = draw(2 * span, heads, width), draw(2 * span, heads, width)
    rows = table_rows(tokens, span, tokens)
    expected = attend(
        query, key, value, segment, None, 0.0, "xla",
        relative=Relative(expand(keys, rows), expand(queries, rows)),
    )  # fmt: skip
    found = attention.gathered(query, key, value, segment, keys, queries, span)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
