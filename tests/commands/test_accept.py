"""The stages that an acceptance is of, and those that run before it: never one that trains."""

import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from commands.accept import _instances

STAGES = """
stages:
  code: {cmd: run, outs: [code]}
  train:
    matrix: {fold: [0, 1]}
    cmd: run
    deps: [code]
    outs: ['fold${item.fold}']
  reseed:
    matrix: {fold: [0], seed: [7]}
    cmd: run
    deps: [code]
    outs: ['fold${item.fold}-seed${item.seed}']
  predict: {cmd: run, deps: [fold0, fold1, fold0-seed7], outs: [test]}
"""
TRAINED = ["reseed@0-7", "train@0", "train@1"]


@pytest.mark.parametrize(
    ("wanted", "instances", "before"),
    [
        ("train", TRAINED, ["code"]),
        ("reseed", TRAINED[:1], ["code"]),
        ("train@1", TRAINED[2:], ["code"]),
        ("predict", ["predict"], ["code"]),
    ],
)
def test_folds_under_a_seed_count_as_training(
    wanted: str,
    instances: list[str],
    before: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"]
    subprocess.run(command, check=True)
    Path("dvc.yaml").write_text(STAGES)
    with Repo() as repo:
        found = _instances(repo, wanted)
    assert (sorted(found[0]), found[1]) == (instances, before)
