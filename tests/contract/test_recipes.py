"""Every ready configuration is complete: it loads, and DVC builds its graph from it."""

import re
from pathlib import Path

import pytest
from dvc.repo import Repo

from pipeline import params
from tests.contract.project import ROOT, without_git

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_it_loads_and_builds_its_graph(recipe: Path, tmp_path: Path):
    configuration = params.load(recipe)
    models = configuration.read("models", dict)
    members = configuration.read("members", dict)
    folds = configuration.read("folds", list)
    with Repo(str(without_git(tmp_path, recipe))) as repo:
        stages = {stage.name for stage in repo.index.stages}
    assert stages == {
        *("validate", "split", "baseline", "ensemble"),
        *(f"{stage}@{model}" for stage in _BY_MODEL for model in models),
        *(f"train@{model}-{fold}" for model in models for fold in folds),
        *(f"member@{member}" for member in members),
    }


_BY_MODEL = ("backbone", "tokenize", "predict", "evaluate")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_it_opens_with_command_hardware_disk_time_and_score(recipe: Path):
    text = recipe.read_text(encoding="utf-8")
    comment = text[: text.index("\ndata:")]
    for key in ("Command", "Data", "Hardware", "Disk", "Time", "Score"):
        assert re.search(rf"^# {key}: +\S", comment, re.M), key
    assert f"cp recipes/{recipe.name} params.yaml" in comment


def test_a_further_model_is_a_few_lines(tmp_path: Path):
    text = (ROOT / "recipes/minilm-gpu.yaml").read_text(encoding="utf-8")
    addition = "  second:\n    <<: *model\n    train: {<<: *train, seed: 2}\n"
    configuration = tmp_path / "configuration.yaml"
    configuration.write_text(text.replace("\nmembers:", f"{addition}\nmembers:"))
    models = params.load(configuration).read("models", dict)
    assert models["second"].train.seed == 2
    assert models["second"].train.optimizer == models["minilm"].train.optimizer
    with Repo(str(without_git(tmp_path / "copy", configuration))) as repo:
        assert "train@second-4" in {stage.name for stage in repo.index.stages}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_its_rows_suit_its_windows(recipe: Path):
    for model in params.load(recipe).read("models", dict).values():
        assert model.train.rows.length >= model.inputs.window
        assert model.predict.length >= model.inputs.window


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_it_predicts_in_the_dtype_that_it_trains_in(recipe: Path):
    configuration = params.load(recipe)
    dtype = configuration.read("compute", params.Compute).dtype
    models = configuration.read("models", dict).values()
    assert {model.predict.dtype for model in models} == {dtype}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_it_trains_by_the_fast_kernel_and_from_safetensors(recipe: Path):
    """cuDNN's attention takes no dropout of weights; microsoft's main revisions hold pickles."""
    configuration = params.load(recipe)
    for model in configuration.read("models", dict).values():
        if configuration.read("compute", params.Compute).platform == "gpu":
            assert (model.train.dropout.attention, model.train.remat) == (0.0, "selective")
        if model.backbone.source.startswith("microsoft/deberta-v3"):
            assert re.fullmatch(r"[0-9a-f]{40}", str(model.backbone.revision))
