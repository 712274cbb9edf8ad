"""Folds under further seeds: DVC's names and outputs of them are those that the code goes by."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.configured_units import configured_units
from pipeline.training.job import job_of
from tests.configurations import SMALL, text
from tests.contract.project import without_git

DEFINED = {"train@small-0", "train@small-1", "reseed@small-0-7", "reseed@small-1-7"}


def test_a_seed_has_stages_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(without_git(tmp_path / "project", text(SMALL | {"seeds": [7]})))
    configuration = load_configuration()
    with Repo() as repo:
        stages = {stage.addressing: stage for stage in repo.index.stages}
        outputs = {name: {out.def_path for out in stage.outs} for name, stage in stages.items()}
        commands = {name: stage.cmd for name, stage in stages.items()}
    jobs = [job_of(configuration, "small", unit) for unit in configured_units(configuration)]
    assert {job.name for job in jobs} == DEFINED
    assert {name for name in stages if "train@" in name or "seed" in name} == DEFINED
    for job in jobs:
        made = (paths.weights, paths.fold, paths.timing)
        assert outputs[job.name] == {path("small", job.unit).as_posix() for path in made}
    assert commands["reseed@small-1-7"].endswith("--model small --fold 1 --seed 7")
    assert commands["train@small-1"].endswith("--model small --fold 1")
