"""This project's side of the benches on a few essays of the sample; torch is not needed."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import shapes, turns
from bench.peers import configuration
from bench.peers.elements import save_elements
from bench.peers.windows import Windows
from pipeline import paths
from tests.configurations import SMALL, text
from tests.contract.project import ROOT, few_essays, without_git

pytestmark = pytest.mark.slow

STAGES = (
    ("code",),
    ("validate",),
    ("split",),
    ("backbone", "--model", "small"),
    ("tokenize", "--model", "small"),
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a comparison reads."""
    folder = tmp_path_factory.mktemp("bench") / "project"
    without_git(folder, text(SMALL))
    few_essays(ROOT / "data/sample", folder / "data/sample", train=24, test=1)
    environment = os.environ | {"XLA_FLAGS": "", "JAX_PLATFORMS": ""}
    for stage, *arguments in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}", *arguments]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return folder


@pytest.fixture
def here(sample: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample's project as the current folder."""
    monkeypatch.chdir(sample)
    return sample


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One compile cache, and none of the tests' own simulated devices."""
    cache = str(tmp_path_factory.mktemp("cache"))
    return {"JAX_COMPILATION_CACHE_DIR": cache, "XLA_FLAGS": "", "JAX_PLATFORMS": ""}


def test_speed_of_predictions_in_bfloat16(here: Path, tmp_path: Path, environment: dict[str, str]):
    comparison = configuration.Comparison("small", "cpu")
    windows = comparison.whole(8, tmp_path / "windows.npz")
    assert len({comparison.tokens().essay_ids[i] for i in windows.number}) == 8
    request = comparison.request("predict", tmp_path / "windows.npz", "bfloat16")
    figures = turns.run(configuration.ours(request, environment))
    assert figures["tokens_per_second"] > 0.0
    assert figures["megabytes"] > 100.0
    assert set(figures["versions"]) == {"jax", "flax"}


def test_a_race_is_scored_on_the_held_out_elements(
    here: Path, tmp_path: Path, environment: dict[str, str]
):
    comparison = configuration.Comparison("small", "cpu")
    windows = comparison.divided(0.5, tmp_path / "windows.npz")
    ids = comparison.tokens().essay_ids
    held = {ids[i] for i in windows.number[windows.held]}
    others = {ids[i] for i in windows.number[~windows.held]}
    assert len(held) == 6
    assert len(others) == 6
    assert not held & others
    train = dataclasses.asdict(dataclasses.replace(comparison.train, epochs=2))
    request = comparison.request("race", tmp_path / "windows.npz", "float32", train=train)
    figures = turns.run(configuration.ours(request, environment))
    assert figures["elements"] == windows.elements(windows.held)
    assert len(figures["curve"]) == 2
    assert all(0.5 < loss < 2.0 for _, loss in figures["curve"])
    every = [ids[i] for i in windows.number]
    elements = save_elements(paths.backbone("small"), every, sorted(held), 32, tmp_path / "e.npz")
    assert elements == windows.elements(windows.held) + windows.elements(~windows.held)


def test_a_shape_is_a_project_of_its_own(here: Path, tmp_path: Path, environment: dict[str, str]):
    shapes.project("deberta_tiny", "small", tmp_path)
    comparison = configuration.Comparison("deberta_tiny", "cpu", tmp_path)
    data = tmp_path / "windows.npz"
    own = comparison.whole(4, data)
    again = configuration.Comparison("small", "cpu").whole(4, tmp_path / "again.npz")
    assert isinstance(own, Windows)
    assert own.ids.tolist() == again.ids.tolist()
    request = comparison.request("predict", data, "float32")
    assert turns.run(configuration.ours(request, environment), tmp_path)["tokens_per_second"] > 0.0
