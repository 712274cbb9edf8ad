"""One finished graph and one bundle for all tests; those that change them get a copy."""

import shutil
from pathlib import Path

import pytest

from pipeline import params
from pipeline.delivery.bundle import Packer
from tests.delivery.graph import make_graph


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph with its bundle in float32."""
    folder = tmp_path_factory.mktemp("graph")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_graph(folder)
        Packer(params.load(), "float32").pack(without_external=False)
    return folder


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
