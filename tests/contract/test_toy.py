"""Another competition: a toy's schema in the place of this one's, and the graph run on its data."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from pipeline.files import read_json
from tests.configurations import SMALL, text
from tests.contract.project import ROOT, without_git
from tests.contract.toy import data, schema

SCHEMA = Path(schema.__file__)


def test_the_page_shows_the_toy():
    page = (ROOT / "docs/another-competition.md").read_text(encoding="utf-8")
    assert f"```python\n{SCHEMA.read_text(encoding='utf-8')}```" in page


@pytest.mark.slow
def test_the_graph_runs_on_another_competition(tmp_path: Path):
    project = without_git(tmp_path / "project", text(SMALL))
    shutil.copy(SCHEMA, project / "pipeline/competition/schema.py")
    data.write(project / "data/sample", train=12, test=4)
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=project,
        env=os.environ
        | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        | {"JAX_PLATFORMS": "", "SHELL": "/bin/sh"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    with (project / "submission.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    ids = [f"a{i}.{j}" for i in (3, 2, 1, 0) for j in (2, 1, 0)]
    assert [row.pop("passage") for row in rows] == ids
    for row in rows:
        assert list(row) == ["Vague", "Precise"]
        assert sum(map(float, row.values())) == pytest.approx(1.0, abs=1e-6)
    fold = project / "artifacts/weights/small/fold0"
    assert read_json(fold / "config.json")["id2label"] == {"0": "Vague", "1": "Precise"}
    assert load_file(fold / "model.safetensors")["classifier.weight"].shape == (2, 128)
    elements = pq.read_table(project / "data/clean/train/elements.parquet").column_names
    assert elements == ["passage", "review", "words", "kind", "start", "end", "label"]
