"""`make experiments` fits a terminal and tells each experiment by what it changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline.graph.experiment_table import Experiment, Group, changed_parameters, table
from tests.configurations import SMALL, text
from tests.contract.project import without_git

AUTHOR = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"COLUMNS": "100"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def _commit(folder: Path, loss: float) -> str:
    figures = {"log_loss": loss, "best_member": loss + 0.1, "partial": False}
    (folder / "metrics").mkdir(exist_ok=True)
    (folder / "metrics/ensemble.json").write_text(json.dumps(figures))
    _run(folder, "git", "add", ".")
    _run(folder, "git", *AUTHOR, "commit", "--quiet", "--message=All")
    return _run(folder, "git", "rev-parse", "HEAD")


def test_experiments_of_all_commits_stand_below_their_own(tmp_path: Path):
    """An experiment is a commit with a ref of its own, which is all that DVC goes by."""
    folder = without_git(tmp_path, text(SMALL))
    (folder / ".dvc/config.local").unlink()
    _run(folder, "git", "init", "--quiet", "--initial-branch=main")
    first = _commit(folder, 0.7)
    configuration = folder / "params.yaml"
    ready = configuration.read_text()
    configuration.write_text(ready.replace("C: 1.0", "C: 0.2"))
    other = _commit(folder, 0.6)
    _run(folder, "git", "update-ref", f"refs/exps/{first[:2]}/{first[2:]}/some-name", other)
    _run(folder, "git", "reset", "--quiet", "--hard", first)
    (folder / "README").write_text("A later commit, without experiments.\n")
    _commit(folder, 0.65)
    configuration.write_text(ready.replace("epochs: 1", "epochs: 2"))
    said = _run(folder, sys.executable, "-m", "commands.experiments").splitlines()
    assert [line.split() for line in said] == [
        ["experiment", "blend", "best", "changed", "parameters"],
        ["main", "0.6500", "0.7500"],
        ["(not", "committed)", "0.6500", "0.7500", "models.small.train.epochs=2"],
        [first[:7], "0.7000", "0.8000"],
        ["some-name", "0.6000", "0.7000", "baseline.C=0.2"],
    ]


def test_changes_are_what_dvc_exp_run_takes():
    before = {"a": {"b": 1, "c": None}, "d": [0, 1], "gone": {}}
    after = {"a": {"b": 2, "c": None, "new": True}, "d": [0]}
    assert changed_parameters(before, after) == ["~gone", "a.b=2", "+a.new=true", "d=[0]"]


def test_no_line_is_wider_than_asked():
    many = {f"a_parameter_of_a_long_name_{i}": i for i in range(12)}
    start = Experiment("main", {}, {"log_loss": 0.7, "best_member": 0.8})
    unfinished = Experiment("other", many, {}, ["queued"])
    group = Group(start, [unfinished, Experiment("worse", {}, {"log_loss": 0.9})])
    lines = table([group], 100).splitlines()
    assert max(map(len, lines)) <= 100
    assert all(f"+{key}={value}" in " ".join(lines) for key, value in many.items())
    assert [line.split()[0] for line in lines[1:4]] == ["main", "worse", "other"]
