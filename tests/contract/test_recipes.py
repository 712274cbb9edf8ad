"""Every recipe is a difference from the default, makes a whole configuration, and DVC its graph."""

import contextlib
import copy
import io
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from pipeline import params
from pipeline.configuration import Configuration
from pipeline.configured_units import trained_units
from pipeline.errors import UserError
from pipeline.recipes import Composition, compose, ready
from pipeline.training.job import job_of
from tests.configurations import RECIPES
from tests.contract.project import ROOT, without_git

PATHS = ready(RECIPES)
each = pytest.mark.parametrize("recipe", PATHS, ids=lambda path: path.stem)


def made(recipe: Path) -> Composition:
    return compose(recipe, RECIPES)


DEFAULT = (RECIPES / "default.yaml").read_text(encoding="utf-8")


def test_the_default_is_what_it_makes_to_the_byte():
    assert made(RECIPES / "default.yaml").text == DEFAULT


def test_git_s_params_yaml_is_what_a_recipe_makes():
    """The default's, or that of whoever committed results of another; edits aren't committed."""
    show = ["git", "show", ":params.yaml"]
    done = subprocess.run(show, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no git")
    assert done.stdout in {made(recipe).text for recipe in PATHS}


@each
def test_it_loads_and_builds_its_graph(recipe: Path, tmp_path: Path):
    composition = made(recipe)
    models = composition.configuration.read("models", dict)
    members = composition.configuration.read("members", dict)
    jobs = [
        job_of(composition.configuration, model, unit)
        for model in models
        for unit in trained_units(composition.configuration, model)
    ]
    with Repo(str(without_git(tmp_path, composition.text))) as repo:
        stages = {stage.name for stage in repo.index.stages}
    assert stages == {
        *("code", "validate", "split", "baseline", "ensemble", "report"),
        *(f"{stage}@{model}" for stage in _BY_MODEL for model in models),
        *(job.name for job in jobs),
        *(f"member@{member}" for member in members),
        *(
            f"{stage}@{name}"
            for stage, section in _BY_SECTION.items()
            for name in composition.configuration.read(section, dict)
        ),
        *(f"embed@{name}" for name in composition.configuration.read("embeddings", dict)),
    }


_BY_MODEL = ("backbone", "tokenize", "predict", "evaluate")
_BY_SECTION = {
    "pretrain": "pretrain",
    "topics": "topics",
    "pseudo": "pseudo",
    "unlabelled": "unlabelled",
    "teach": "unlabelled",
    "embed": "embeddings",
}


@each
def test_it_opens_with_command_hardware_disk_time_and_score(recipe: Path):
    comment = recipe.read_text(encoding="utf-8").partition("\n\n")[0]
    for key in ("Command", "Data", "Hardware", "Disk", "Time", "Score"):
        assert re.search(rf"^# {key}: +(?!(?i:{key}|todo)\b)\S", comment, re.M), key
    assert f"make recipe NAME={recipe.stem} && make submission" in comment
    assert made(recipe).text.startswith(f"{comment}\n\n")


@pytest.mark.slow  # a second for every four leaves of all recipes
@pytest.mark.parametrize(
    "recipe", [p for p in PATHS if p.stem != "default"], ids=lambda path: path.stem
)
def test_none_of_its_leaves_repeats_the_default(recipe: Path, tmp_path: Path):
    """Without any one of them it makes another configuration, or one that is refused."""
    yaml = YAML(typ="safe", pure=True)
    tree = yaml.load(recipe)
    whole = _sections(made(recipe).configuration)
    leaves = list(_leaves(tree))
    assert leaves
    repeated = []
    for leaf in leaves:
        shorter = copy.deepcopy(tree)
        *parents, last = leaf
        inner = shorter
        for parent in parents:
            inner = inner[parent]
        del inner[last]
        stream = io.StringIO()
        yaml.dump(shorter, stream)
        (tmp_path / "shorter.yaml").write_text(stream.getvalue())
        with contextlib.suppress(UserError):
            if _sections(made(tmp_path / "shorter.yaml").configuration) == whole:
                repeated.append(".".join(leaf))
    assert repeated == []


def _leaves(tree: Mapping[str, Any], parents: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*parents, key))
        elif key != "like":
            yield (*parents, key)


def _sections(configuration: Configuration) -> dict[str, Any]:
    return configuration.without([])


def test_no_yaml_merge_keys():
    """A model is `like` another; what a merge key takes over no reader of params.yaml sees."""
    assert [path.name for path in PATHS if "<<" in path.read_text(encoding="utf-8")] == []


def test_a_further_model_is_a_few_lines(tmp_path: Path):
    addition = "  second:\n    like: minilm\n    train: {seed: 2}\n"
    recipe = tmp_path / "mine.yaml"
    recipe.write_text((RECIPES / "minilm-gpu.yaml").read_text(encoding="utf-8") + addition)
    models = made(recipe).configuration.read("models", dict)
    assert models["second"].train.seed == 2
    assert models["second"].train.optimizer == models["minilm"].train.optimizer
    with Repo(str(without_git(tmp_path / "copy", made(recipe).text))) as repo:
        assert "train@second-4" in {stage.name for stage in repo.index.stages}


@each
def test_its_rows_suit_its_windows(recipe: Path):
    for model in made(recipe).configuration.read("models", dict).values():
        assert model.train.rows.length >= model.inputs.window
        assert model.predict.length >= model.inputs.window


@each
def test_it_predicts_in_the_dtype_that_it_trains_in(recipe: Path):
    configuration = made(recipe).configuration
    dtype = configuration.read("compute", params.Compute).dtype
    models = configuration.read("models", dict).values()
    assert {model.predict.dtype for model in models} <= {dtype}


@each
def test_it_trains_by_the_fast_kernel_and_from_safetensors(recipe: Path):
    """cuDNN's attention takes no dropout of weights; microsoft's main revisions hold pickles."""
    configuration = made(recipe).configuration
    for model in configuration.read("models", dict).values():
        if configuration.read("compute", params.Compute).platform == "gpu":
            assert (model.train.dropout.attention, model.train.remat) == (0.0, "selective")
        if "deberta-v3" in model.backbone.source:
            assert re.fullmatch(r"[0-9a-f]{40}", str(model.backbone.revision))
