"""A recipe merged into the default, and the command that writes params.yaml from it."""

from pathlib import Path

import pytest

from commands import recipe as command
from pipeline.errors import UserError
from pipeline.recipes import compose, differences
from tests.configurations import RECIPES


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the default and one more recipe."""
    monkeypatch.chdir(tmp_path)
    Path("recipes").mkdir()
    Path("recipes/default.yaml").write_bytes((RECIPES / "default.yaml").read_bytes())
    write("more", "# More folds.\nsplit: {n_folds: 7}\n")
    return tmp_path


def write(name: str, text: str) -> Path:
    path = Path(f"recipes/{name}.yaml")
    path.write_text(text)
    return path


def lines(text: str) -> list[str]:
    """What the command says of a recipe."""
    return list(differences(compose(write("own", text)), compose(Path("recipes/default.yaml"))))


def error(text: str) -> str:
    with pytest.raises(UserError) as told:
        compose(write("own", text))
    return str(told.value)


def test_mappings_are_merged_lists_and_scalars_replaced():
    made = compose(write("own", "split: {n_folds: 3}\nfolds: [0, 2]\n")).configuration
    split, folds = made.without([])["split"], made.read("folds", list)
    assert (split.n_folds, split.seed, folds) == (3, 7, [0, 2])


def test_models_take_the_place_of_the_default_s_and_differ_from_what_they_are_like():
    made = compose(
        write(
            "own",
            "models:\n"
            "  one: {like: tiny, train: {epochs: 3, optimizer: {clip: 2.0}}}\n"
            "  two: {like: one, train: {seed: 9}}\n",
        )
    )
    models = made.configuration.read("models", dict)
    assert list(models) == ["one", "two"]
    assert [models[m].train.epochs for m in models] == [3, 3]
    assert [models[m].train.optimizer.clip for m in models] == [2.0, 2.0]
    assert [models[m].train.seed for m in models] == [1, 9]
    assert models["one"].train.optimizer.b2 == 0.999
    assert "like" not in made.text
    assert made.likes == {"one": "tiny", "two": "one"}


def test_an_earlier_model_goes_before_the_default_s_of_the_same_name():
    text = "models:\n  tiny: {like: tiny, train: {epochs: 3}}\n  two: {like: tiny}\n"
    models = compose(write("own", text)).configuration.read("models", dict)
    assert models["two"].train.epochs == 3


def test_a_null_takes_an_option_away():
    text = (
        "models:\n"
        "  one: {like: tiny, train: {remat: full, label_smoothing: 0.1}}\n"
        "  two: {like: one, train: {remat: null}}\n"
    )
    made = compose(write("own", text))
    two = made.configuration.read("models", dict)["two"].train
    assert (two.remat, two.label_smoothing) == ("none", 0.1)
    assert made.text.count("remat:") == 1
    assert error("split: {seed: null}\n") == "recipes/own.yaml: missing key 'split.seed'"


def test_what_is_unknown_is_one_line_with_the_nearest():
    assert error("models:\n  one: {like: tni}\n") == (
        "recipes/own.yaml: models.one.like: no 'tni'; the nearest valid one is 'tiny'"
    )
    assert error("models:\n  one: {like: two}\n  two: {like: tiny}\n") == (
        "recipes/own.yaml: models.one.like: no 'two'; the nearest valid one is 'tiny'"
    )
    assert error("models:\n  one: {like: tiny, train: {epoch: 3}}\n") == (
        "recipes/own.yaml: unknown key 'models.one.train.epoch'; the nearest valid one is 'epochs'"
    )
    assert error("like: tiny\n").startswith("recipes/own.yaml: unknown key 'like'")
    assert error("models:\n  one: null\n") == (
        "recipes/own.yaml: models.one: expected keys with values, found nothing"
    )
    assert error("# Nothing.\n") == "recipes/own.yaml: expected keys with values, found nothing"
    assert error("a: [\n").startswith("recipes/own.yaml: not YAML: ")


def test_comments_stay_the_recipe_s_in_place_of_the_default_s():
    text = """\
# The header.

compute:
  devices: 2                      # all that there are

models:
  one:
    like: tiny
    train:
      # Three are enough,
      #   as was measured.
      epochs: 3
      dropout: {hidden: 0.2}  # '#' in "it"
      rows: {slots: 40}
  # Another seed.
  two: {like: one, train: {seed: 2}}
# The end.
"""
    made = compose(write("own", text)).text
    assert made.startswith("# The header.\n\n# params.yaml is the only place")
    assert "\ncompute:\n  platform: cpu                   # cpu | gpu | tpu; " in made
    assert "\n  devices: 2                      # all that there are\n" in made
    model = """\
    encoder: bert                 # a file in pipeline/encoders
    backbone:
      source: builtin:tiny        # builtin:, a folder (sha256) or a Hub id (revision)
"""
    train = """\
      # Three are enough,
      #   as was measured.
      epochs: 3
      rows: {per_step: 8, length: 256, slots: 40, pool: 4096}
"""
    assert (made.count(model), made.count(train)) == (2, 2)
    assert made.count("      dropout: {hidden: 0.2}  # '#' in \"it\"\n") == 2
    assert "\n  # Another seed.\n  two:\n    encoder: bert" in made
    assert made.endswith("\n# The end.\n")
    assert "\n\n\n" not in made


def test_anchors_and_merge_keys_leave_nothing_in_params_yaml():
    text = "models:\n  one: &m {like: tiny, train: {epochs: 3}}\n  two: {<<: *m, encoder: bert}\n"
    made = compose(write("own", text))
    assert [m.train.epochs for m in made.configuration.read("models", dict).values()] == [3, 3]
    assert not {"&", "*", "<<"} & set(made.text.split("\nmodels:")[1].split("ensemble")[0].split())


def test_the_default_differs_in_nothing():
    default = compose(Path("recipes/default.yaml"))
    assert list(differences(default, default)) == []


def test_differences_are_told_with_what_was_there():
    assert lines(
        "folds: [0]\n"
        "members: {theirs: {oof: a.csv, test: b.csv}}\n"
        "models:\n"
        "  one: {like: tiny, train: {remat: full}}\n"
        "  two: {like: one, train: {seed: 2, dropout: {head: 0.1}}}\n"
    ) == [
        "folds: [0] (default: [0, 1, 2, 3, 4])",
        "members.theirs.oof: a.csv",
        "members.theirs.test: b.csv",
        "models: one, two (default: tiny)",
        "models.one.train.remat: full (tiny: none)",
        "models.two.train.seed: 2 (one: 1)",
        "models.two.train.dropout.head: 0.1 (one: null)",
    ]


def test_the_command_writes_params_yaml_and_says_what_differs(capsys: pytest.CaptureFixture[str]):
    command.main(["more"])
    assert Path("params.yaml").read_text() == compose(Path("recipes/more.yaml")).text
    assert capsys.readouterr().out.splitlines() == [
        "params.yaml: written from recipes/more.yaml; options that differ: 1",
        "  split.n_folds: 7 (default: 5)",
    ]


def test_it_writes_over_what_a_recipe_made():
    for name in ("more", "default", "more"):
        command.main([name])
    Path(".cache/params.yaml").unlink()  # as in a fresh clone
    command.main(["default"])
    assert Path("params.yaml").read_bytes() == Path("recipes/default.yaml").read_bytes()


def test_it_writes_over_no_edit_unless_told_to():
    command.main(["default"])
    edited = Path("params.yaml").read_text() + "# Mine.\n"
    Path("params.yaml").write_text(edited)
    with pytest.raises(UserError) as told:
        command.main(["more"])
    assert str(told.value) == (
        "params.yaml: edited by hand; keep it as a recipe of your own, or write over it with "
        "FORCE=1"
    )
    assert Path("params.yaml").read_text() == edited
    command.main(["more", "--force"])
    assert Path("params.yaml").read_text() == compose(Path("recipes/more.yaml")).text


def test_a_recipe_of_one_s_own_works_alike(tmp_path: Path):
    """What it wrote is no edit, also once the recipe has changed."""
    own = tmp_path / "elsewhere" / "mine.yml"
    own.parent.mkdir()
    own.write_text("split: {n_folds: 9}\n")
    command.main([str(own)])
    assert "n_folds: 9" in Path("params.yaml").read_text()
    own.write_text("split: {n_folds: 8}\n")
    command.main([str(own)])
    assert "n_folds: 8" in Path("params.yaml").read_text()
    command.main(["default"])


def test_an_unfinished_recipe_is_in_nobody_s_way():
    write("unfinished", "spilt: {n_folds: 3}\n")
    command.main(["default"])
    command.main(["more"])


def test_a_name_that_is_none():
    with pytest.raises(UserError) as told:
        command.main(["mor"])
    assert str(told.value) == "recipes: no 'mor'; the nearest valid one is 'more'"
    with pytest.raises(UserError, match=r"^NAME: expected a recipe: default, more, or a path$"):
        command.main([""])


def test_settings_go_in_and_are_no_edit(capsys: pytest.CaptureFixture[str]):
    command.main(["more", "--set", "folds='[0, 1]' models.tiny.train.epochs=1"])
    said = capsys.readouterr().out
    assert "split.n_folds: 7" in said
    assert "folds: [0, 1]" in said
    assert "models.tiny.train.epochs: 1" in said
    assert "epochs: 1" in Path("params.yaml").read_text()
    command.main(["more"])
    assert "epochs: 8" in Path("params.yaml").read_text()


def test_an_unknown_setting_writes_nothing():
    with pytest.raises(UserError, match="SET: unknown key 'fold'"):
        command.main(["more", "--set", "fold=1"])
    assert not Path("params.yaml").exists()
