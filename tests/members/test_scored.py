"""The baseline on scores: what it takes in, that it leaves out what it has to, and as a file."""

import dataclasses
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline import params
from pipeline.competition.schema import LABELS, TYPES
from pipeline.configuration import check
from pipeline.errors import UserError
from pipeline.evaluation.priors import class_priors
from pipeline.members import baseline
from pipeline.members.features import Texts, makeup, neighbours
from pipeline.members.fitted import load, save
from pipeline.members.scored import Scored
from pipeline.metrics import log_loss
from pipeline.tables.elements import Elements
from tests.configurations import DEFAULT, changed, section

SCORES = params.Scores(terms=40, essay_ridge=1.0, element_ridge=2.0)
KNOBS = section(params.Baseline, ngrams=2, min_documents=2, C=0.1, scores=SCORES)
WORDS = ["poor", "fair", "good"]


def _made(essays: int, seed: int = 0) -> tuple[Texts, Elements]:
    """Texts whose words tell labels: one of the essay's quality, one of the element's own."""
    rng = np.random.default_rng(seed)
    kinds, labels, own, wholes, essay = [], [], [], [], []
    for e in range(essays):
        quality, parts = int(rng.integers(3)), []
        for j in range(int(rng.integers(1, 5))):
            label = int(np.clip(quality + rng.integers(-1, 2), 0, 2))
            parts.append(f"{WORDS[label]}, {'so ' * int(rng.integers(1, 6))}it is.")
            kinds.append(TYPES[j])
            labels.append(label)
            essay.append(e)
        own += parts
        wholes.append(f"An {WORDS[quality]} essay: {' '.join(parts)}")
    ids, place = [f"d{i}" for i in range(len(own))], np.array(essay)
    texts = Texts(ids, kinds, own, place, wholes)
    names = [f"e{e}" for e in essay]
    return texts, Elements(ids, names, kinds, np.array(labels), place % 3)


def test_it_predicts_essays_that_it_has_not_seen() -> None:
    texts, elements = _made(90)
    own = elements.folds == 0
    fitted, matrix = baseline.fit(KNOBS, texts, elements, ~own)
    assert isinstance(fitted, Scored)
    loss = log_loss(elements.labels[own], fitted.predict(matrix[own]))
    priors = class_priors(elements.labels, elements.folds)[own]
    assert loss < log_loss(elements.labels[own], priors) - 0.3


def test_a_training_essay_s_scores_leave_it_out() -> None:
    """Labels by chance: a fit that has seen them knows them, one that has not can't."""
    texts, elements = _made(60)
    rows = elements.folds != 0
    elements.labels[:] = np.random.default_rng(1).permutation(elements.labels)
    # Each text gets a word of its own, by which it can be learnt by heart.
    own = [f"{text} w{i}" for i, text in enumerate(texts.elements)]
    essays = [f"{text} e{i}" for i, text in enumerate(texts.essays)]
    texts = Texts(texts.element_ids, texts.types, own, texts.essay, essays)
    loose = params.Scores(terms=2000, essay_ridge=0.01, element_ridge=0.01)
    knobs = dataclasses.replace(KNOBS, min_documents=1, scores=loose)
    fitted, matrix = baseline.fit(knobs, texts, elements, rows)
    flattering = cast(Any, fitted).matrix(texts)
    np.testing.assert_allclose(matrix[~rows], flattering[~rows], rtol=0, atol=1e-12)
    # Behind types, lengths and make-up: the essay's two scores, the element's.
    first = len(TYPES) + 11 + len(TYPES) + 5
    worst = elements.labels[rows] == 0
    for column in (first, first + 2):
        known = np.corrcoef(flattering[rows, column], worst)[0, 1]
        left_out = np.corrcoef(np.asarray(matrix)[rows, column], worst)[0, 1]
        assert known > 0.4
        assert left_out < 0.2


def test_essays_held_out_have_no_part_in_the_fit(tmp_path: Path) -> None:
    texts, elements = _made(30)
    own = elements.folds == 0
    first, _ = baseline.fit(KNOBS, texts, elements, ~own)
    strange = Texts(
        texts.element_ids,
        texts.types,
        [f"strange {t}" if o else t for t, o in zip(texts.elements, own.tolist(), strict=True)],
        texts.essay,
        [f"strange {t}" if e % 3 == 0 else t for e, t in enumerate(texts.essays)],
    )
    elements.labels[own] = (elements.labels[own] + 1) % 3
    second, _ = baseline.fit(KNOBS, strange, elements, ~own)
    for name, fitted in (("a", first), ("b", second)):
        save(tmp_path / name, fitted)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_saved_model_predicts_the_same_odd_essays_from_texts_alone(tmp_path: Path) -> None:
    texts, elements = _made(30)
    fitted, _ = baseline.fit(KNOBS, texts, elements, elements.folds != 0)
    save(tmp_path / "f.npz", fitted)
    back = load(tmp_path / "f.npz")
    odd = Texts(
        ["a", "b", "c"], ["Lead", "Claim", "Claim"], ["", "good, so", "\n"], np.array([1, 0, 1]),
        ["Nothing known", ""],
    )  # fmt: skip
    for some in (texts, odd):
        rows = back.predict(back.matrix(some))
        np.testing.assert_array_equal(rows, fitted.predict(fitted.matrix(some)))
        np.testing.assert_allclose(rows.sum(axis=1), 1.0)
    none = Texts([], [], [], np.zeros(0, np.int64), [])
    assert isinstance(back, Scored)
    assert neighbours(none.essay, np.zeros((0, 2))).shape == (0, 6)
    # One essay alone has the prediction that it has among others.
    one = Texts(["b"], ["Claim"], ["good, so"], np.array([0]), ["Nothing known"])
    alone = back.predict(back.matrix(one))
    np.testing.assert_allclose(alone, rows[[1]], rtol=0, atol=1e-12)


def test_a_file_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    texts, elements = _made(30)
    fitted, _ = baseline.fit(KNOBS, texts, elements, elements.folds != 0)
    arrays = fitted.arrays()
    for name in arrays.keys() - {"essay_words"}:
        less = {key: value for key, value in arrays.items() if key != name}
        np.savez(tmp_path / "f.npz", **cast(Any, less))
        with pytest.raises(UserError, match=rf"no fitted baseline: no array {name!r}"):
            load(tmp_path / "f.npz")


def test_make_up_by_hand() -> None:
    texts = Texts(
        ["a", "b", "c", "d"], ["Claim", "Lead", "Claim", "Claim"], ["x y", "x", "x y z", "one"],
        np.array([0, 0, 0, 1]), ["a b c d e f g h", "one"],
    )  # fmt: skip
    claim, lead = TYPES.index("Claim"), TYPES.index("Lead")
    found = makeup(texts)
    assert found[:, claim].tolist() == [2, 2, 2, 1]
    assert found[:, lead].tolist() == [1, 1, 1, 0]
    assert found[:, len(TYPES)].tolist() == [0, 0, 1, 0]
    np.testing.assert_allclose(found[2, len(TYPES) :], [1, 2, 3, 6 / 8, np.log(4) - np.log(1 + 2)])


def test_neighbours_stand_in_the_same_essay() -> None:
    essay = np.array([0, 1, 0, 0, 1])
    values = np.array([[1.0], [10.0], [2.0], [6.0], [20.0]])
    before, behind, mean = neighbours(essay, values).T
    assert before.tolist() == [0, 0, 1, 2, 10]
    assert behind.tolist() == [2, 20, 6, 0, 0]
    assert mean.tolist() == [3, 15, 3, 3, 15]


def test_the_scorers_read_capitals_and_punctuation() -> None:
    texts, elements = _made(30)
    fitted, _ = baseline.fit(KNOBS, texts, elements, elements.folds != 0)
    assert isinstance(fitted, Scored)
    words: TfidfVectorizer = fitted.essay.words
    assert {"An", ":", "essay :"} <= set(words.get_feature_names_out())
    assert fitted.essay.coefficients.shape[1] == len(LABELS) - 1
    assert len(fitted.element.words.get_feature_names_out()) <= SCORES.terms


def test_scores_without_a_penalty_are_refused() -> None:
    tree = changed(DEFAULT, {"baseline": {"scores": {"terms": 10, "essay_ridge": 1.0}}})
    with pytest.raises(UserError, match=r"baseline\.scores\.element_ridge: expected a penalty"):
        check(tree, Path("params.yaml"))
