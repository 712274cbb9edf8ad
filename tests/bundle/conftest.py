"""Copies of the finished graph and its bundle, which tests may change."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def graph(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the graph, in which the test runs."""
    copy = shutil.copytree(finished, tmp_path / "graph", symlinks=True)
    monkeypatch.chdir(copy)
    return copy


@pytest.fixture
def bundle(graph: Path) -> Path:
    """The copy's bundle."""
    return graph / "artifacts/bundle"


@pytest.fixture
def competition(graph: Path) -> Path:
    """The copy's Kaggle files."""
    return graph / "data/sample"
