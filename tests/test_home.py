"""A `~` in a path that DVC reads: written out by `make recipe`, refused with the whole path."""

import re
from pathlib import Path

import pytest

from pipeline.configuration import ConfigurationError, load_configuration
from pipeline.home import DEPENDENCIES, expanded
from pipeline.recipes import compose
from tests.configurations import DEFAULT, RECIPES, changed, write
from tests.contract.project import graph

PRETRAIN = {
    "base": "tiny",
    "essays": "data/clean/train",
    "texts": "data/clean/train",
    "held_out": 0.05,
    "window": 256,
    "spans": {"share": 0.4, "shortest": 2, "longest": 6},
    "train": DEFAULT["models"]["tiny"]["train"],
}
PLACES = {
    "data.source": {"data": {"source": "~/files"}},
    "labels.from": {"labels": {"from": "~/files"}},
    "models.tiny.backbone.needs": {"models": {"tiny": {"backbone": {"needs": "~/files"}}}},
    "pretrain.mlm.essays": {"pretrain": {"mlm": PRETRAIN | {"essays": "~/files"}}},
    "pretrain.mlm.texts": {"pretrain": {"mlm": PRETRAIN | {"texts": "~/files"}}},
    "members.theirs.oof": {"members": {"theirs": {"oof": "~/files", "test": "t.csv"}}},
    "members.theirs.test": {"members": {"theirs": {"oof": "o.csv", "test": "~/files"}}},
}


@pytest.mark.parametrize("key", PLACES)
def test_it_is_refused_with_the_path_to_write(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", "/somewhere")
    write(changed(DEFAULT, PLACES[key]), tmp_path / "params.yaml")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(tmp_path / "params.yaml")
    assert caught.value.lines == (
        f"{tmp_path}/params.yaml: {key}: found ~/files, which DVC does not expand; expected "
        "/somewhere/files",
    )


@pytest.mark.parametrize("key", PLACES)
def test_a_recipe_may_have_it(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/somewhere")
    tree = PLACES[key]
    if "models" in tree:
        tree = {"models": {"tiny": {"like": "tiny", **tree["models"]["tiny"]}}}
    write(tree, tmp_path / "mine.yaml")
    made = compose(tmp_path / "mine.yaml", RECIPES)
    assert made.text.count("/somewhere/files") == 1
    assert "~" not in made.text


def test_they_are_what_the_graph_depends_on():
    """By their last part: a foreach has `${item...}` where params.yaml has a name."""
    stages = graph()["stages"].values()
    deps = [dep for stage in stages for dep in stage.get("do", stage).get("deps", [])]
    found = {name for dep in deps for name in re.findall(r"^\$\{(.*)\}$", dep)}
    known = {key.partition("*.")[2] or key for key in DEPENDENCIES}
    assert {name.removeprefix("item.") for name in found} == known


def test_a_user_that_is_not_there(tmp_path: Path):
    assert expanded("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")
