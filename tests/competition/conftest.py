from pathlib import Path

import pytest

from tests.competition import kaggle

PARAMETERS = """
data: {{source: {source}}}
clean: {{repair_cp1252: true, plain_spaces: true}}
split: {{n_folds: 2, seed: 7}}
folds: [0, 1]
compute: {{platform: cpu, devices: auto, dtype: float32}}
session: {{checkpoint_minutes: 10, stop_after_minutes: null}}
labels: {{from: data/clean/train}}
baseline: {{max_features: 100, ngrams: 1, min_documents: 1, C: 1.0}}
models: {{}}
members: {{}}
ensemble: {{pool: simplex, ridge: 0.0, nested_folds: 2, seed: 3}}
"""


@pytest.fixture
def configuration(tmp_path, monkeypatch):
    """Write a configuration for a source into a folder of its own, and go there."""
    monkeypatch.chdir(tmp_path)

    def write(source: Path) -> None:
        (tmp_path / "params.yaml").write_text(PARAMETERS.format(source=source))

    return write


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A small source in Kaggle's layout; the test runs in the folder that holds it."""
    monkeypatch.chdir(tmp_path)
    return kaggle.write(tmp_path / "raw")
