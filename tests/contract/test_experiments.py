"""`make experiments` is a table that a terminal can hold."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

from tests.configurations import SMALL, text
from tests.contract.project import ROOT, without_git

_FIGURES = {
    "small": {"log_loss": 0.7, "accuracy": 0.6, "ece": 0.1, "folds": 2, "partial": False},
    "ensemble": {"log_loss": 0.6, "in_sample": 0.6, "best_member": 0.7, "priors": 0.9},
}


def run(folder: Path, *command: str) -> str:
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_figures_stay_and_only_what_differs_is_added(tmp_path: Path):
    folder = without_git(tmp_path, text(SMALL))
    (folder / ".dvc/config.local").unlink()
    (folder / "metrics").mkdir()
    for name, figures in _FIGURES.items():
        (folder / f"metrics/{name}.json").write_text(json.dumps(figures))
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "add", ".")
    author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    run(folder, "git", *author, "commit", "--quiet", "--message=All")
    configuration = folder / "params.yaml"
    configuration.write_text(configuration.read_text().replace("epochs: 1", "epochs: 2"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^experiments:.*\n\t@(dvc exp show .*)$", makefile, re.M)
    assert found
    command = found[1].replace("$$", "$").replace("dvc", f"{sys.executable} -m dvc", 1)
    table = list(csv.reader(run(folder, "sh", "-c", f"{command} --csv").splitlines()))
    columns = set(table[0])
    assert len(columns) < 20
    assert "models.small.train.epochs" in columns
    assert {"accuracy", "best_member", "priors"} <= columns
    assert {f"metrics/{name}.json:log_loss" for name in _FIGURES} <= columns
    assert not any(column.startswith(("data", "pipeline", "stages")) for column in columns)
