"""The graph without a model: from Kaggle's archive to a bundle that predicts, by real commands."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.configurations import SMALL, changed, text
from tests.contract.project import ROOT, few_essays, without_git

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

    def run(module: str, *arguments: str) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            env=os.environ | {"PATH": path, "JAX_PLATFORMS": "", "SHELL": "/bin/sh"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    run("commands.data", "--zip", "../kaggle.zip")
    run("commands.doctor")
    run("dvc", "repro")
    assert "Running stage" not in run("dvc", "repro"), "it is done"
    assert "out of fold, nested" in run("commands.summary")
    said = run("commands.rehearse")
    assert "on 1 cpu device(s)\n" in said
    assert f"rehearsed with {sys.executable}: within " in said
    assert not (folder / "artifacts/bundle/models").exists()
