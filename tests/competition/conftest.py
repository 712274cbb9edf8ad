from pathlib import Path

import pytest

from tests import configurations
from tests.competition import kaggle


@pytest.fixture
def configuration(tmp_path, monkeypatch):
    """Write a configuration for a source into a folder of its own, and go there."""
    monkeypatch.chdir(tmp_path)

    def write(source: Path) -> None:
        sections = {"data": {"source": str(source)}, "split": {"n_folds": 2}, "folds": [0, 1]}
        configurations.write(configurations.changed(configurations.DEFAULT, sections))

    return write


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A small source in Kaggle's layout; the test runs in the folder that holds it."""
    monkeypatch.chdir(tmp_path)
    return kaggle.write(tmp_path / "raw")
