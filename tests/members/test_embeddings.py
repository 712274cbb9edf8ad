"""Members of a frozen encoder's embeddings: vectors by hand, fits that know no held-out label."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from pipeline import devices as machine
from pipeline import params
from pipeline.embedding_params import EmbeddingRidge, EmbeddingTrees
from pipeline.errors import UserError
from pipeline.inference.element_means import Means
from pipeline.inference.embedder import Embedder
from pipeline.inputs.tokens import tokens_of
from pipeline.members.embedding_fits import fit_ridge, load, save
from pipeline.members.embeddings import check_components, fit, predict
from pipeline.members.features import Measures
from pipeline.members.scores import beyond_type
from pipeline.members.vectors import Vectors, principal, vectors
from pipeline.tables.elements import Elements
from tests.inference.windows import ELEMENTS, WINDOWS, batch
from tests.training import tiny

RIDGE = {"essay": 30.0, "element": 30.0, "C": 0.1}
TREES = {"components": 3, "rounds": 5, "rate": 0.2, "leaves": 4, "rows_per_leaf": 5, "seed": 1}
OPTIONS = {
    "ridge": params.Embeddings(model="tiny", ridge=EmbeddingRidge(**RIDGE)),
    "boosting": params.Embeddings(model="tiny", boosting=EmbeddingTrees(**TREES)),
}
ESSAYS, EACH, WIDTH = 40, 3, 6


@pytest.fixture
def world() -> tuple[Elements, Measures, Vectors]:
    """Essays in four folds; a direction of the essay and one of the element tell the label."""
    rng = np.random.default_rng(0)
    essay = np.repeat(np.arange(ESSAYS), EACH)
    values = rng.normal(size=(len(essay), WIDTH)) + rng.normal(size=(ESSAYS, WIDTH))[essay]
    seen = vectors(Means(values, rng.integers(1, 9, len(essay)).astype(float)), essay)
    strength = seen.essays[essay, 0] + values[:, 1] + rng.normal(size=len(essay)) / 2
    labels = np.digitize(strength, [-1.0, 1.0])
    ids = [f"{i}" for i in range(len(essay))]
    elements = Elements(ids, [f"{e}" for e in essay], ["Lead"] * len(ids), labels, essay % 4)
    kinds = np.eye(7)[np.tile(np.arange(EACH), ESSAYS)]
    return elements, Measures(essay, kinds, rng.normal(size=(len(ids), 4))), seen


def test_an_element_is_the_mean_of_its_tokens_hidden_states_in_all_windows(
    tmp_path: Path,
) -> None:
    """By the encoder on each window alone, without packing, and means by numpy."""
    model = tiny.model(tmp_path)
    embedder = Embedder(
        model, jax.devices()[:2], params.Predict(per_step=2, length=8, slots=3, pool=10)
    )
    weights = tiny.parameters(model)["encoder"]
    replicated = machine.replicate(weights, jax.devices()[:2])
    found = embedder.means(replicated, tokens_of([batch()], ELEMENTS), np.arange(4), "")
    states: dict[int, list[np.ndarray]] = {}
    for window in WINDOWS:
        ids = jnp.array([window["input_ids"]], jnp.int32)
        place = jnp.arange(ids.shape[1])[None]
        hidden: Any = model.encoder.apply({"params": weights}, ids, jnp.ones_like(ids), place, None)
        for state, slot in zip(np.asarray(hidden)[0], window["slot"], strict=True):
            if slot >= 0:
                states.setdefault(window["element"][slot], []).append(state)
    for element, own in states.items():
        assert found.tokens[element] == len(own)
        np.testing.assert_allclose(found.values[element], np.mean(own, axis=0), atol=1e-5)
    assert sorted(states) == np.flatnonzero(found.tokens).tolist()


def test_an_essay_is_the_mean_over_the_tokens_of_its_elements() -> None:
    means = Means(np.array([[1.0, 0.0], [4.0, 3.0], [7.0, np.nan]]), np.array([2.0, 1.0, 5.0]))
    found = vectors(means, np.array([0, 0, 1]))
    np.testing.assert_allclose(found.essays, [[2.0, 1.0], [7.0, np.nan]])


def test_directions_are_those_of_scikit_learn_up_to_their_sign() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 5)) * [5.0, 3.0, 2.0, 1.0, 0.5] + 7.0
    expected = PCA(3).fit_transform(rows)
    np.testing.assert_allclose(np.abs(principal(rows, 3).of(rows)), np.abs(expected), atol=1e-9)


def test_elements_scores_are_scikit_learn_s_ridge_of_standardised_columns(
    world: tuple[Elements, Measures, Vectors],
) -> None:
    elements, measured, seen = world
    rows = elements.folds != 0
    fitted = fit_ridge(EmbeddingRidge(**RIDGE), measured, seen, elements.labels, rows)
    train = seen.elements[rows]
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    targets = beyond_type(measured, elements.labels, rows)[rows]
    peer = Ridge(alpha=RIDGE["element"]).fit((train - mean) / deviation, targets)
    expected = peer.predict((seen.elements - mean) / deviation)
    np.testing.assert_allclose(fitted.element.of(seen.elements), expected, atol=1e-9)


@pytest.mark.parametrize("kind", OPTIONS)
def test_labels_that_are_held_out_move_nothing(
    kind: str, world: tuple[Elements, Measures, Vectors], tmp_path: Path
) -> None:
    elements, measured, seen = world
    own = elements.folds == 1
    other = dataclasses.replace(
        elements, labels=np.where(own, 2 - elements.labels, elements.labels)
    )
    made = [fit(OPTIONS[kind], one, measured, seen, ~own) for one in (elements, other)]
    one, same = (predict(fitted, measured, seen) for fitted in made)
    assert np.array_equal(one, same)
    third = dataclasses.replace(
        elements, labels=np.where(own, elements.labels, 2 - elements.labels)
    )
    moved = predict(fit(OPTIONS[kind], third, measured, seen, ~own), measured, seen)
    assert np.abs(moved - one).max() > 0.1
    for number, fitted in enumerate(made):
        save(tmp_path / f"{number}.npz", fitted)
    assert (tmp_path / "0.npz").read_bytes() == (tmp_path / "1.npz").read_bytes()
    again = load(tmp_path / "0.npz")
    assert np.array_equal(predict(again, measured, seen), one)


@pytest.mark.parametrize("kind", OPTIONS)
def test_it_beats_the_shares_of_classes(
    kind: str, world: tuple[Elements, Measures, Vectors]
) -> None:
    elements, measured, seen = world
    out = np.empty((len(elements), 3))
    for fold in range(4):
        own = elements.folds == fold
        out[own] = predict(fit(OPTIONS[kind], elements, measured, seen, ~own), measured, seen)[own]
    shares = np.bincount(elements.labels) / len(elements)
    loss = -np.log(out[np.arange(len(out)), elements.labels]).mean()
    assert loss < -(shares * np.log(shares)).sum() - 0.05


@pytest.mark.parametrize("kind", OPTIONS)
def test_an_essay_whose_vector_is_no_number_costs_no_other(
    kind: str, world: tuple[Elements, Measures, Vectors]
) -> None:
    elements, measured, seen = world
    fitted = fit(OPTIONS[kind], elements, measured, seen, elements.folds != 0)
    whole = predict(fitted, measured, seen)
    lost = Vectors(seen.elements.copy(), seen.essays.copy())
    lost.elements[4], lost.essays[1] = np.nan, np.nan
    found = predict(fitted, measured, lost)
    assert np.isnan(found[3:6]).all()
    rest = measured.essay != 1
    assert np.array_equal(found[rest], whole[rest])


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"f\.npz: no fitted member of embeddings: "):
        load(tmp_path / "f.npz")
    with pytest.raises(UserError, match=r"g\.npz: not found$"):
        load(tmp_path / "g.npz")


def test_more_directions_than_there_are_is_a_line() -> None:
    with pytest.raises(UserError) as error:
        check_components("frozen", OPTIONS["boosting"], 2)
    assert str(error.value) == (
        "params.yaml: embeddings.frozen.boosting.components: 3; expected at most 2, the numbers of "
        "a hidden state of tiny"
    )
