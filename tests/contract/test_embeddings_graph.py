"""A member of embeddings through the graph, by real commands."""

from pathlib import Path

import pytest

from tests.configurations import SMALL, changed, text
from tests.contract.project import ROOT, few_essays, run_module, without_git

pytestmark = pytest.mark.slow

FROZEN = {"model": "small", "ridge": {"essay": 30.0, "element": 30.0, "C": 0.1}}


def test_it_stands_in_the_blend_and_runs_again_for_its_own_options_alone(tmp_path: Path):
    parameters = changed(SMALL, {"embeddings": {"frozen": FROZEN}})
    folder = without_git(tmp_path / "project", text(parameters))
    few_essays(ROOT / "data/sample", folder / "data/sample", train=32, test=6)
    run_module(folder, "commands.doctor")
    said = run_module(folder, "dvc", "repro")
    assert "embed@frozen: log loss" in said
    assert "of 3 members" in said
    assert "Running stage" not in run_module(folder, "dvc", "repro"), "it is done"
    softer = changed(parameters, {"embeddings": {"frozen": {"ridge": {"C": 0.2}}}})
    (folder / "params.yaml").write_text(text(softer), encoding="utf-8")
    again = run_module(folder, "dvc", "repro")
    assert "embed@frozen: log loss" in again
    assert "train@" not in "".join(one for one in again.splitlines() if one.startswith("Running"))
    (folder / "params.yaml").write_text(text(SMALL), encoding="utf-8")
    assert "frozen" in run_module(folder, "commands.prune")
    assert not list((folder / "artifacts").rglob("frozen*"))
    assert "of 2 members" in run_module(folder, "dvc", "repro")
