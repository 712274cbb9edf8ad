"""The graph without a model: from Kaggle's archive to a bundle that predicts, by real commands."""

import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from tests.configurations import SMALL, changed, text
from tests.contract.project import ROOT, few_essays, run_module, without_git

pytestmark = pytest.mark.slow


def test_an_archive_ends_in_a_bundle_without_a_model(tmp_path: Path):
    folder = tmp_path / "project"
    without_git(folder, text(changed(SMALL | {"models": {}}, {"data": {"source": "data/raw"}})))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    few_essays(ROOT / "data/sample", tmp_path / "files", train=32, test=6)
    with zipfile.ZipFile(tmp_path / "kaggle.zip", "w") as archive:
        for path in sorted((tmp_path / "files").rglob("*.*")):
            archive.write(path, path.relative_to(tmp_path / "files"))

    run_module(folder, "commands.data", "--zip", "../kaggle.zip")
    run_module(folder, "commands.doctor")
    run_module(folder, "dvc", "repro")
    assert "Running stage" not in run_module(folder, "dvc", "repro"), "it is done"
    assert "out of fold, nested" in run_module(folder, "commands.summary")
    said = run_module(folder, "commands.rehearse")
    assert "on 1 cpu device(s)\n" in said
    assert f"rehearsed with {sys.executable}: within " in said
    assert not (folder / "artifacts/bundle/models").exists()
