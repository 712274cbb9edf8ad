"""A bundle with a stacker ends in the graph's own submission, and does without where it has to."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from commands import bundle as command
from pipeline.bundle import contents
from pipeline.bundle.blend import read_blend
from pipeline.bundle.hidden_oddities import write_odd_test
from pipeline.bundle.infer import infer
from pipeline.bundle.rehearsal import read_submission
from pipeline.bundle.time_limit import Clock
from pipeline.errors import UserError
from pipeline.evaluation.surroundings import surroundings
from stages import ensemble
from tests.bundle.graph import edit_configuration, write_lock

STACKER = {"rounds": 20, "rate": 0.1, "leaves": 4, "rows_per_leaf": 10}


def _pack(**options: object) -> Path:
    """The blend and its bundle anew, with a stacker."""
    edit_configuration(ensemble={"nested_folds": 3, "stacker": STACKER} | options)
    ensemble.main([])
    write_lock()
    command.main([])
    return Path("artifacts/bundle")


def _infer(bundle: Path, competition: Path, limit: float = 1e6) -> dict[str, np.ndarray]:
    output = Path("output")
    output.mkdir(exist_ok=True)
    infer(bundle, competition, output, Clock(time.time(), limit))
    return read_submission(output / "submission.csv")


@pytest.mark.parametrize("options", [{}, {"class_means": True, "drop": True, "pool": "simplex"}])
def test_it_ends_in_the_graph_s_own_submission(
    graph: Path, competition: Path, options: dict[str, object]
) -> None:
    before = read_submission(Path("submission.csv"))
    bundle = _pack(**options)
    assert json.loads((bundle / "manifest.json").read_text())["files"].keys() >= {contents.TREES}
    found, expected = _infer(bundle, competition), read_submission(Path("submission.csv"))
    assert list(found) == list(expected)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=1e-6)
    assert max(np.abs(before[i] - expected[i]).max() for i in found) > 1e-3
    said = json.loads(Path("metrics/ensemble.json").read_text())
    assert json.loads((bundle / "manifest.json").read_text())["log_loss"] == said["log_loss"]


@pytest.mark.slow
def test_what_is_odd_in_a_hidden_test_costs_no_other_essay(
    graph: Path, competition: Path, tmp_path: Path
) -> None:
    """Copies of a visible essay have its predictions, in whatever order their rows are."""
    bundle = _pack()
    odd = write_odd_test(competition, tmp_path / "odd")
    found = _infer(bundle, tmp_path / "odd")
    visible = read_submission(Path("submission.csv"))
    assert odd.compare(found, visible, read_blend(bundle).priors) < 1e-6


def test_rows_without_a_member_go_through_the_pools(graph: Path, competition: Path) -> None:
    """All of them where time runs out for the model; else only its essay's others notice."""
    whole = _infer(Path("artifacts/bundle"), competition, limit=0.0)
    bundle = _pack()
    np.testing.assert_allclose(
        list(_infer(bundle, competition, limit=0.0).values()), list(whole.values()), atol=1e-6
    )
    blend = read_blend(bundle)
    assert blend.stacker is not None
    rng = np.random.default_rng(0)
    members = rng.dirichlet(np.ones(3), (6, 2))
    around = surroundings(["a", "a", "a", "b", "b", "c"], ["Lead"] * 6, [5] * 6)
    full = blend.predict(members, ["Lead"] * 6, around)
    members[1, 1] = np.nan
    found = blend.predict(members, ["Lead"] * 6, around)
    np.testing.assert_allclose(found[3:], full[3:], atol=1e-12)
    kept = [0, 2]
    expected = blend.stacker.predict(members[kept], around.select(np.array(kept)))
    np.testing.assert_allclose(found[kept], expected, atol=1e-12)
    assert np.abs(found[1] - full[1]).max() > 1e-6


def test_a_bundle_without_its_trees_is_refused(graph: Path, competition: Path) -> None:
    bundle = _pack()
    (bundle / contents.TREES).unlink()
    with pytest.raises(UserError, match=rf"{contents.TREES}: not found$"):
        read_blend(bundle)


def test_a_stacker_needs_three_nested_folds(graph: Path) -> None:
    edit_configuration(ensemble={"nested_folds": 2, "stacker": STACKER})
    with pytest.raises(UserError) as error:
        ensemble.main([])
    assert str(error.value) == (
        "params.yaml: ensemble.nested_folds: 2; expected at least 3 with a stacker, to fit it, to "
        "weigh it and to judge it"
    )
