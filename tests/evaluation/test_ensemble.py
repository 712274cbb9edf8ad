"""The ensemble from members' tables to weights, figures and a submission."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.evaluation.blending import pooled
from pipeline.evaluation.nesting import nested_split
from pipeline.evaluation.pools import Kind, Weights, pool
from pipeline.files import sha256
from pipeline.metrics import log_loss
from pipeline.tables.elements import Elements
from pipeline.tables.gather import folds_of_tests, gather_tests
from pipeline.tables.predictions import mean_over_folds, read_predictions, write_predictions
from pipeline.units import NO_FOLD
from stages import ensemble as stage
from tests.configurations import changed, write, write_members
from tests.evaluation.project import TEST_IDS, predict, write_member, write_project

NAMES = ["baseline", "one", "theirs"]
MEMBERS = {"theirs": {"oof": "a.csv", "test": "b.csv"}}


@pytest.fixture
def elements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elements:
    """A baseline, a model and an external member, ready to be pooled."""
    monkeypatch.chdir(tmp_path)
    write_members(models=["one"], members=MEMBERS)
    elements = write_project(60)
    for seed, name in enumerate(NAMES[:2]):
        write_member(name, elements, predict(elements, seed), [0, 1, 2])
    rows = predict(elements, 2)
    write_predictions(paths.oof("theirs"), elements.element_ids, elements.folds, rows)
    test = np.random.default_rng(9).dirichlet(np.ones(3), len(TEST_IDS))
    write_predictions(paths.test("theirs"), TEST_IDS, np.full(len(TEST_IDS), -1), test)
    return elements


def weights() -> dict:
    return json.loads((paths.ENSEMBLE / "weights.json").read_text())


@pytest.mark.parametrize("kind", ["simplex", "loglinear"])
def test_figures_weights_and_submission_fit_together(elements: Elements, kind: Kind) -> None:
    write_members(models=["one"], members=MEMBERS, pool=kind)
    stage.main([])
    found, figures = weights(), json.loads(paths.metrics("ensemble").read_text())
    oof = np.stack([read_predictions(paths.oof(n)).probabilities for n in NAMES], axis=1)
    alone = {n: round(log_loss(elements.labels, oof[:, m]), 6) for m, n in enumerate(NAMES)}
    assert found["alone"] == alone
    assert list(found["weights"]) == sorted(NAMES)
    assert found["means"]["arithmetic"] == round(log_loss(elements.labels, oof.mean(axis=1)), 6)
    assert set(found["pools"]) == {"simplex", "loglinear"}
    own = found["pools"][kind]
    assert figures == {
        "log_loss": own["log_loss"],
        "in_sample": own["in_sample"],
        "log_loss_low": found["intervals"]["log_loss"][0],
        "log_loss_high": found["intervals"]["log_loss"][1],
        "best_member": min(alone.values()),
        "priors": found["priors"]["classes"],
        "partial": False,
    }
    assert figures["in_sample"] < figures["log_loss"] < figures["best_member"] < figures["priors"]
    table = read_predictions(paths.ENSEMBLE / "oof.parquet")
    assert table.element_ids == elements.element_ids
    assert round(log_loss(elements.labels, table.probabilities), 6) == figures["log_loss"]
    assert figures["log_loss_low"] < figures["log_loss"] < figures["log_loss_high"]
    fitted = Weights(
        kind,
        np.array([found["weights"][n] for n in NAMES]),
        np.array([found["bias"][n] for n in ("Ineffective", "Adequate", "Effective")]),
    )
    assert round(log_loss(elements.labels, pool(fitted, oof)), 6) == figures["in_sample"]
    tests = [mean_over_folds(read_predictions(paths.test(n)), Path(n)) for n in NAMES]
    expected = pool(fitted, np.stack([t.probabilities for t in tests], axis=1))[::-1]
    lines = paths.SUBMISSION.read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == TEST_IDS[::-1]
    rows = np.array([line.split(",")[1:] for line in lines[1:]], float)
    np.testing.assert_allclose(rows, expected, atol=6e-9)


def test_the_stage_says_the_nested_figure_beside_the_others(
    elements: Elements, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.main([])
    figures = json.loads(paths.metrics("ensemble").read_text())
    low, high = figures["log_loss_low"], figures["log_loss_high"]
    assert low < figures["log_loss"] < high
    *earned, said, written = capsys.readouterr().out.splitlines()
    gains = {name: worth["gain"] for name, worth in weights()["earned"].items()}
    best = max(gains, key=gains.__getitem__)
    assert len(earned) == 3
    assert earned[0].startswith(f"ensemble: {best} earns {gains[best]:+.4f} [95 % by essay: ")
    assert [said, written] == [
        f"ensemble: loglinear pool of 3 members, nested log loss {figures['log_loss']:.4f} "
        f"[95 % by essay: {low:.4f} to {high:.4f}] (the pool in sample "
        f"{figures['in_sample']:.4f}), best member {figures['best_member']:.4f}, class priors "
        f"{figures['priors']:.4f}",
        "ensemble: submission.csv, 7 rows",
    ]


@pytest.mark.parametrize("kind", ["simplex", "loglinear"])
def test_the_nested_figure_never_uses_an_essays_own_labels(elements: Elements, kind: Kind) -> None:
    oof = np.stack([read_predictions(paths.oof(n)).probabilities for n in NAMES], axis=1)
    split = nested_split(elements.essay_ids, 3, 1)
    own = np.array(elements.essay_ids) == "e17"
    other = np.where(own, (elements.labels + 1) % 3, elements.labels)
    part = split == split[own][0]
    one = pooled(kind, oof, elements.labels, split, 1e-3)
    two = pooled(kind, oof, other, split, 1e-3)
    np.testing.assert_array_equal(one.held[part], two.held[part])
    assert (one.held[~part] != two.held[~part]).any()
    assert (one.fitted.weights != two.fitted.weights).any()


def test_weights_of_noise_gain_in_sample_and_nothing_nested(elements: Elements) -> None:
    noise = np.random.default_rng(0).dirichlet(np.full(3, 50.0), (len(elements), 20))
    found = pooled(
        "loglinear", noise, elements.labels, nested_split(elements.essay_ids, 5, 0), 1e-3
    )
    assert found.in_sample < log_loss(elements.labels, found.held) - 0.05


def test_some_folds_are_partial_and_it_is_said(
    elements: Elements, capsys: pytest.CaptureFixture[str]
) -> None:
    write_members([0, 2], ["one"], MEMBERS)
    for seed, name in enumerate(NAMES[:2]):
        write_member(name, elements, predict(elements, seed), [0, 2])
    stage.main([])
    assert json.loads(paths.metrics("ensemble").read_text())["partial"] is True
    found = weights()
    assert (found["partial"], found["folds"], found["essays"]) == (True, [0, 2], 40)
    assert "ensemble: partial, over folds [0, 2] only; not to be submitted" in (
        capsys.readouterr().out
    )


def test_one_member_alone_is_pooled_too(elements: Elements) -> None:
    for name in NAMES[1:]:
        paths.oof(name).unlink()
        paths.test(name).unlink()
    write_members(pool="simplex")
    stage.main([])
    found = weights()
    assert found["weights"] == {"baseline": 1.0}
    assert found["pools"]["simplex"]["log_loss"] == found["alone"]["baseline"]
    rows = read_predictions(paths.test("baseline"))
    expected = mean_over_folds(rows, Path("x")).probabilities[::-1]
    lines = paths.SUBMISSION.read_text().splitlines()[1:]
    found_rows = np.array([line.split(",")[1:] for line in lines], float)
    np.testing.assert_allclose(found_rows, expected, atol=6e-9)


@pytest.mark.slow
def test_fifty_external_members_at_once(elements: Elements) -> None:
    members = {f"m{i}": MEMBERS["theirs"] for i in range(50)}
    for i, name in enumerate(members):
        write_member(name, elements, predict(elements, 100 + i), [0, 1, 2])
        shutil.copy(paths.test("theirs"), paths.test(name))
    for name in ("one", "theirs"):
        paths.oof(name).unlink()
        paths.test(name).unlink()
    write_members(members=members, ridge=1.0)
    stage.main([])
    found = weights()
    assert len(found["weights"]) == 51
    assert found["pools"]["simplex"]["log_loss"] < min(found["alone"].values())


def _folds_of_tests() -> dict[str, list[int]]:
    whole = load_configuration().whole
    return folds_of_tests(whole.folds, whole.full, ["baseline"], whole.models, whole.members)


def test_a_full_fit_is_one_further_fold_of_the_test_or_all_of_it(elements: Elements) -> None:
    write_members(models=["one"], members=MEMBERS, full=["one"])
    rows = np.random.default_rng(3).dirichlet(np.ones(3), (4, len(TEST_IDS)))
    numbers = np.repeat([0, 1, 2, NO_FOLD], len(TEST_IDS))
    write_predictions(paths.test("one"), TEST_IDS * 4, numbers, rows.reshape(-1, 3))
    folds = _folds_of_tests()
    assert folds == {"baseline": [0, 1, 2], "one": [0, 1, 2, NO_FOLD], "theirs": [NO_FOLD]}
    found = gather_tests(folds, TEST_IDS)[:, 1]
    np.testing.assert_allclose(found, (rows[0] + rows[1] + rows[2] + rows[3]) / 4, atol=1e-15)
    stage.main([])
    with_folds = weights()
    tree = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    write(changed(tree, {"models": {"one": {"predict": {"full_alone": True}}}}))
    alone = _folds_of_tests()
    assert alone["one"] == [NO_FOLD]
    with pytest.raises(UserError, match=r"one\.parquet: expected folds \[-1\], found \[-1, 0"):
        gather_tests(alone, TEST_IDS)
    write_predictions(paths.test("one"), TEST_IDS, np.full(len(TEST_IDS), NO_FOLD), rows[3])
    np.testing.assert_array_equal(gather_tests(alone, TEST_IDS)[:, 1], rows[3])
    stage.main([])
    assert weights() == with_folds, "fitted to what was predicted out of fold"


def test_a_second_run_gives_the_same_bytes(elements: Elements) -> None:
    tables = [paths.ENSEMBLE / "oof.parquet", paths.ENSEMBLE / "weights.json"]
    made = [*tables, paths.metrics("ensemble"), paths.SUBMISSION]
    hashes = []
    for _ in range(2):
        stage.main([])
        hashes.append([sha256(path) for path in made])
    assert hashes[0] == hashes[1]


def test_members_missing_and_left_over_are_named(elements: Elements) -> None:
    shutil.copy(paths.oof("one"), paths.oof("old"))
    with pytest.raises(UserError) as error:
        stage.main([])
    assert str(error.value) == (
        "artifacts/oof: old.parquet is not in params.yaml; `make prune` removes leftovers"
    )
    paths.oof("old").unlink()
    paths.test("one").unlink()
    with pytest.raises(UserError) as error:
        stage.main([])
    assert str(error.value) == (
        "artifacts/test: expected one.parquet too, found baseline.parquet, theirs.parquet"
    )
    assert not paths.SUBMISSION.exists()


def test_tables_of_other_elements_or_folds_are_refused(elements: Elements) -> None:
    rows = predict(elements, 1)
    write_member("one", elements, rows, [0, 1])
    with pytest.raises(UserError, match=r"oof/one\.parquet: discourse_id: 80 missing"):
        stage.main([])
    write_predictions(paths.oof("one"), elements.element_ids, (elements.folds + 1) % 3, rows)
    with pytest.raises(UserError, match=r"one\.parquet: discourse_id 'e0_0': expected fold 0, fo"):
        stage.main([])
    write_member("one", elements, rows, [0, 1, 2])
    test = np.full((len(TEST_IDS), 3), 1 / 3)
    write_predictions(paths.test("one"), TEST_IDS, np.zeros(len(TEST_IDS), int), test)
    with pytest.raises(UserError, match=r"test/one\.parquet: expected folds \[0, 1, 2\], found"):
        stage.main([])
    write_member("one", elements, rows, [0, 1, 2])
    no_folds = np.full(len(TEST_IDS) - 1, NO_FOLD)
    write_predictions(paths.test("theirs"), TEST_IDS[:-1], no_folds, test[1:])
    with pytest.raises(UserError, match=r"test/theirs\.parquet: discourse_id: 1 missing .*t6"):
        stage.main([])
