"""The stacker: its features by hand, its trees as scikit-learn's, its figures nested."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from bench.stacker import make_world
from pipeline import params
from pipeline.errors import UserError
from pipeline.evaluation.blending import pooled
from pipeline.evaluation.nesting import nested_split
from pipeline.evaluation.stacker import stacked
from pipeline.evaluation.stacker_features import features
from pipeline.evaluation.surroundings import surroundings
from pipeline.members import boosting
from pipeline.members.trees import load_trees, save_trees
from pipeline.metrics import log_loss
from tests.configurations import section

SETTINGS = params.Stacker(rounds=20, rate=0.1, leaves=6, rows_per_leaf=10)
ENSEMBLE = section(params.Ensemble, nested_folds=3, stacker=SETTINGS)


def test_features_by_hand() -> None:
    """Two essays, a of a lead and two claims, b of a claim alone; rows in another order."""
    essays, kinds = ["a", "a", "a", "b"], ["Lead", "Claim", "Claim", "Claim"]
    around = surroundings(essays, kinds, [10, 20, 30, 7])
    # About their mean, the logits of the row k are (k, 0, -k).
    logs = np.array([[k, 0.0, -k] for k in (1.0, 2.0, 6.0, 4.0)])
    order = [3, 1, 0, 2]
    found = features(
        logs[order], np.stack([logs, logs + 9], axis=1)[order], around.select(np.array(order))
    )
    rows = {name: found[order.index(i)] for i, name in enumerate(["lead", "one", "two", "alone"])}
    own, mean, spread, before, behind, before2, behind2, essay, essay_spread, of_type = (
        slice(3 * i, 3 * i + 3) for i in range(10)
    )
    assert rows["one"][own].tolist() == [2, 0, -2] == rows["one"][mean].tolist()
    assert rows["one"][spread].tolist() == [0, 0, 0]
    assert rows["one"][before].tolist() == [1, 0, -1]
    assert rows["one"][behind].tolist() == [6, 0, -6]
    assert rows["two"][before2].tolist() == [1, 0, -1]
    assert rows["lead"][behind2].tolist() == [6, 0, -6]
    for name, there in (("one", before2), ("one", behind2), ("lead", before), ("two", behind)):
        assert np.isnan(rows[name][there]).all()
    assert np.isnan(rows["alone"][9:21]).all()
    assert rows["lead"][essay].tolist() == [3, 0, -3]
    np.testing.assert_allclose(rows["lead"][essay_spread], np.sqrt([14 / 3, 0, 14 / 3]))
    assert rows["two"][of_type].tolist() == [4, 0, -4]
    # Types of the element, before and behind; place, places left, share, elements; words of the
    # element and of all, and their ratio.
    assert rows["one"][30:33].tolist() == [2, 0, 2]
    assert rows["one"][33:37].tolist() == [1, 1, 0.5, 3]
    np.testing.assert_allclose(rows["one"][37:40], [20, 60, 1 / 3])
    assert rows["one"][40:47].tolist() == [1, 0, 2, 0, 0, 0, 0]
    assert rows["one"][47:].tolist() == [2, 0, 2, 0]
    assert rows["alone"][33:37].tolist() == [0, 0, 0, 1]


def _drawn(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(n, 6))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    noisy = np.nan_to_num(matrix[:, 0]) + 0.5 * np.nan_to_num(matrix[:, 1]) ** 2
    return matrix, np.digitize(noisy + 0.3 * rng.normal(size=n), [-0.3, 0.8])


@pytest.mark.parametrize("classes", [[0, 1, 2], [0, 2]])
def test_trees_walk_as_scikit_learn_s(classes: list[int], tmp_path: Path) -> None:
    matrix, labels = _drawn()
    kept = np.isin(labels, classes)
    with threadpool_limits(1):
        model = HistGradientBoostingClassifier(
            learning_rate=0.1,
            max_iter=20,
            max_leaf_nodes=6,
            min_samples_leaf=10,
            max_features=0.3,
            max_bins=63,
            early_stopping=False,
            random_state=3,
        ).fit(matrix[kept], labels[kept])
    save_trees(tmp_path / "trees.npz", boosting.fit_trees(SETTINGS, matrix[kept], labels[kept], 3))
    trees = load_trees(tmp_path / "trees.npz")
    found = trees.predict(matrix)
    np.testing.assert_allclose(found[:, classes], model.predict_proba(matrix), atol=1e-8)
    assert found.sum(axis=1) == pytest.approx(1.0)
    first = (tmp_path / "trees.npz").read_bytes()
    save_trees(tmp_path / "trees.npz", boosting.fit_trees(SETTINGS, matrix[kept], labels[kept], 3))
    assert (tmp_path / "trees.npz").read_bytes() == first


def test_a_file_that_holds_no_trees_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "trees.npz"
    trees = boosting.fit_trees(SETTINGS, *_drawn(), 3)
    with pytest.raises(UserError, match=r"^.*trees\.npz: not found$"):
        load_trees(path)
    path.write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"trees\.npz: no trees: File is not a zip file$"):
        load_trees(path)
    np.savez(path, roots=trees.roots)
    with pytest.raises(UserError, match=r"trees\.npz: no trees: no array 'outputs'$"):
        load_trees(path)
    save_trees(path, trees)
    whole = dict(np.load(path))
    # A node that leads to itself: a walk without an end.
    inner = int(np.flatnonzero(trees.features >= 0)[3])
    np.savez(
        path, **whole | {"left": np.where(np.arange(len(trees.left)) == inner, inner, trees.left)}
    )
    with pytest.raises(UserError, match=r"no trees: expected nodes that lead on to others$"):
        load_trees(path)
    np.savez(path, **whole | {"outputs": trees.outputs + 1})
    with pytest.raises(UserError, match=r"no trees: expected a label for each tree$"):
        load_trees(path)


def test_the_nested_figure_never_uses_an_essays_own_labels() -> None:
    """Neither in the trees, nor in the pool that they see, nor in the weights of the blend."""
    world = make_world(600, 3, 0)
    split = nested_split([str(e) for e in world.around.essays], 3, 1)
    own = world.around.essays == 7
    other = np.where(own, (world.labels + 1) % 3, world.labels)
    one, two = (
        stacked(ENSEMBLE, SETTINGS, world.oof, labels, split, world.around)
        for labels in (world.labels, other)
    )
    part = split == split[own][0]
    np.testing.assert_array_equal(one.held[part], two.held[part])
    assert (one.held[~part] != two.held[~part]).any()


def test_it_finds_what_neighbours_tell_and_the_same_twice() -> None:
    """Hard zeros and ones, near-duplicates and essays of one element are among the members."""
    world = make_world(4000, 7, 0)
    world.oof[:40, 0] = np.eye(3)[world.oof[:40, 0].argmax(axis=1)]
    assert (world.oof == 0.0).any()
    assert np.bincount(world.around.essays).min() == 1
    split = nested_split([str(e) for e in world.around.essays], 3, 1)
    one, two = (
        stacked(ENSEMBLE, SETTINGS, world.oof, world.labels, split, world.around) for _ in range(2)
    )
    np.testing.assert_array_equal(one.held, two.held)
    fitted = one.fitted
    pool = pooled("loglinear", world.oof, world.labels, split, ENSEMBLE.ridge)
    assert log_loss(world.labels, one.held) < log_loss(world.labels, pool.held) - 0.003
    # The order of rows is no matter, and an essay is seen alone.
    order = np.random.default_rng(1).permutation(len(world.labels))
    shuffled = fitted.predict(world.oof[order], world.around.select(order))
    whole = fitted.predict(world.oof, world.around)
    np.testing.assert_allclose(shuffled, whole[order], atol=1e-12)
    essay = world.around.essays == 9
    alone = fitted.predict(world.oof[essay], world.around.select(essay))
    np.testing.assert_allclose(alone, whole[essay], atol=1e-12)
