"""Further seeds and full fits: DVC's names and outputs of them are those that the code goes by."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.configured_units import trained_units
from pipeline.training.job import job_of
from tests.configurations import SMALL, text
from tests.contract.project import without_git

FOLDS = {"train@small-0", "train@small-1", "reseed@small-0-7", "reseed@small-1-7"}
FULL = {"fit@small", "refit@small-7"}


@pytest.mark.parametrize(("full", "defined"), [([], FOLDS), (["small"], FOLDS | FULL)])
def test_a_seed_and_a_full_fit_have_stages_of_their_own(
    full: list[str], defined: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = SMALL | {"seeds": [7], "full": full}
    monkeypatch.chdir(without_git(tmp_path / "project", text(tree)))
    configuration = load_configuration()
    with Repo() as repo:
        stages = {stage.addressing: stage for stage in repo.index.stages}
        outputs = {name: {out.def_path for out in stage.outs} for name, stage in stages.items()}
        commands = {name: stage.cmd for name, stage in stages.items()}
    jobs = [job_of(configuration, "small", unit) for unit in trained_units(configuration, "small")]
    assert {job.name for job in jobs} == defined
    training = ("train", "reseed", "fit", "refit")
    assert {name for name in stages if name.split("@")[0] in training} == defined
    for job in jobs:
        made = (paths.weights, paths.fold, paths.timing)
        assert outputs[job.name] == {path("small", job.unit).as_posix() for path in made}
    assert commands["reseed@small-1-7"].endswith("--model small --fold 1 --seed 7")
    assert commands["train@small-1"].endswith("--model small --fold 1")
    if full:
        assert commands["refit@small-7"].endswith("--model small --seed 7")
        assert commands["fit@small"].endswith("--model small")
        read = {dep.def_path for dep in stages["fit@small"].deps}
        assert "data/folds.parquet" not in read
        assert "data/tokens/small/train" in read
