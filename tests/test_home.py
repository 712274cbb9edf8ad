"""A `~` in a path that DVC reads: written out by `make recipe`, refused with the whole path."""

from pathlib import Path

import pytest

from pipeline.configuration import ConfigurationError, load_configuration
from pipeline.recipes import compose
from tests.configurations import DEFAULT, RECIPES, changed, write

pytestmark = pytest.mark.xfail(strict=True, reason="DVC is left to say that there is no ~")
PLACES = {
    "data.source": {"data": {"source": "~/files"}},
    "labels.from": {"labels": {"from": "~/files"}},
    "models.tiny.backbone.needs": {"models": {"tiny": {"backbone": {"needs": "~/files"}}}},
    "members.theirs.oof": {"members": {"theirs": {"oof": "~/files", "test": "t.csv"}}},
    "members.theirs.test": {"members": {"theirs": {"oof": "o.csv", "test": "~/files"}}},
}


@pytest.mark.parametrize("key", PLACES)
def test_it_is_refused_with_the_path_to_write(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", "/home/somebody")
    write(changed(DEFAULT, PLACES[key]), tmp_path / "params.yaml")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(tmp_path / "params.yaml")
    assert caught.value.lines == (
        f"{tmp_path}/params.yaml: {key}: found ~/files, which DVC does not expand; expected "
        "/home/somebody/files",
    )


@pytest.mark.parametrize("key", PLACES)
def test_a_recipe_may_have_it(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    tree = PLACES[key]
    if "models" in tree:
        tree = {"models": {"tiny": {"like": "tiny", **tree["models"]["tiny"]}}}
    write(tree, tmp_path / "mine.yaml")
    made = compose(tmp_path / "mine.yaml", RECIPES)
    assert made.text.count("/home/somebody/files") == 1
    assert "~" not in made.text
