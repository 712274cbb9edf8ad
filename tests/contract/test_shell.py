"""No name or value of params.yaml is ever read by a shell, or used in a path, before it is checked.

DVC puts what `${...}` stands for into a stage's command as it is. Only a mapping is quoted: the
`item` of a matrix becomes options with quoted values.
"""

import copy
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.errors import UserError
from tests.configurations import DEFAULT, SMALL, text, write
from tests.contract.project import graph, without_git

STAGES: dict[str, Any] = graph()["stages"]
# Each would leave a file named `ran` if a shell read it.
HOSTILE = (
    "$(touch ran)",
    "x'; touch ran; '",
    'x"; `touch ran`; "',
    "x\ntouch ran",
    "--help >ran && touch ran #",
)


@pytest.mark.parametrize("name", STAGES)
def test_no_command_takes_a_name_as_it_is(name: str):
    body = STAGES[name].get("do", STAGES[name])
    allowed = {"python", "item"} if "matrix" in STAGES[name] else {"python"}
    assert set(re.findall(r"\$\{([^}]*)\}", body["cmd"])) <= allowed


def _stub_graph(folder: Path, configuration: dict[str, Any]) -> Path:
    """A stage of each kind, without inputs, and a Python that notes the words that it is given."""
    tree = graph()
    kinds = ("backbone", "pretrain", "tokenize", "train", "member", "pseudo", "embed")
    kinds += ("unlabelled", "teach")
    tree["stages"] = {name: tree["stages"][name] for name in kinds}
    for stage in tree["stages"].values():
        stage.get("do", stage).pop("deps", None)
    yaml = YAML()
    for name, content in (("dvc.yaml", tree), ("params.yaml", configuration)):
        with (folder / name).open("w", encoding="utf-8") as stream:
            yaml.dump(content, stream)
    stub = folder / ".venv/bin/python"
    stub.parent.mkdir(parents=True)
    stub.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        "name = os.environ['DVC_STAGE'].partition('@')[2]\n"
        "with open('words', 'a') as f: print([*sys.argv[1:], name], file=f)\n"
    )
    stub.chmod(0o755)
    return folder


def _repro(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", *arguments],
        cwd=folder,
        env=os.environ | {"SHELL": "/bin/sh"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    return done.stdout


def test_a_hostile_name_or_fold_runs_nothing(tmp_path: Path):
    folder = without_git(tmp_path, text(SMALL))
    configuration = copy.deepcopy(SMALL)
    configuration["models"] = dict.fromkeys(HOSTILE, configuration["models"]["small"])
    configuration["members"] = {f"m {name}": {"oof": "o.csv", "test": "t.csv"} for name in HOSTILE}
    configuration["pretrain"] = {f"p {name}": {"base": name} for name in HOSTILE}
    configuration["pseudo"] = {f"s {name}": {"teacher": name} for name in HOSTILE}
    configuration["unlabelled"] = {name: {"teacher": name} for name in HOSTILE}
    configuration["embeddings"] = {f"e {name}": {"model": name} for name in HOSTILE}
    configuration["folds"] = ["$(touch ran)"]
    _repro(_stub_graph(folder, configuration), "--keep-going")
    assert not list(folder.rglob("ran"))
    words = (folder / "words").read_text(encoding="utf-8").splitlines()
    for name in HOSTILE:
        if len(name.splitlines()) == 1:  # else DVC makes two commands of it, of half a quote each
            assert repr(["-m", "stages.tokenize", "--model", name, name]) in words
            fold = "$(touch ran)"
            train = ["-m", "stages.train", "--model", name, "--fold", fold, f"{name}-{fold}"]
            assert repr(train) in words
            assert repr(["-m", "stages.backbone", name]) in words
            assert repr(["-m", "stages.member", f"m {name}"]) in words
            assert repr(["-m", "stages.pretrain", f"p {name}"]) in words
            assert repr(["-m", "stages.pseudo", f"s {name}"]) in words
            for stage in ("unlabelled", "teach"):
                assert repr(["-m", f"stages.{stage}", name]) in words
            assert repr(["-m", "stages.embed", f"e {name}"]) in words


@pytest.mark.parametrize("key", ["python", "item"])
def test_a_further_key_of_the_configuration_does_not_reach_a_command(key: str, tmp_path: Path):
    folder = without_git(tmp_path, text(SMALL))
    configuration = copy.deepcopy(SMALL)
    configuration[key] = {"model": "$(touch ran)"} if key == "item" else "touch ran;"
    _repro(_stub_graph(folder, configuration), "--keep-going")
    assert not list(folder.rglob("ran"))


def test_a_fold_that_is_a_mapping_runs_nothing(tmp_path: Path):
    """DVC quotes the values of a mapping, and not its keys."""
    folder = without_git(tmp_path, text(SMALL))
    configuration = SMALL | {"folds": [{"$(touch ran)": 1}]}
    said = _repro(_stub_graph(folder, configuration), "--keep-going")
    assert "Cannot interpolate data of type 'dict'" in said
    assert not list(folder.rglob("ran"))


@pytest.mark.parametrize("name", ["../../x", "tiny.train", "", "tiny\n", "TINY", "-x"])
@pytest.mark.parametrize(
    ("stage", "option"),
    [
        *(
            (f"stages.{s}", "--model")
            for s in ("backbone", "tokenize", "train", "predict", "evaluate")
        ),
        ("stages.member", "--member"),
        ("stages.topics", "--topic"),
        ("stages.pretrain", "--name"),
        ("stages.pseudo", "--student"),
        ("stages.unlabelled", "--student"),
        ("stages.teach", "--student"),
        ("stages.embed", "--embedding"),
        ("commands.smoke", "--model"),
    ],
)
def test_a_stage_checks_the_name_that_it_is_given(
    stage: str, option: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(DEFAULT, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    arguments = [f"{option}={name}", *(["--fold=0"] if stage.endswith((".train", "smoke")) else [])]
    single = {"stages.pretrain": "pretrain", "stages.pseudo": "pseudo"}
    single |= dict.fromkeys(("stages.unlabelled", "stages.teach"), "unlabelled")
    section = single.get(stage, option.removeprefix("--") + "s")
    with pytest.raises(UserError, match=rf"^params.yaml: {section}: no {re.escape(repr(name))}"):
        importlib.import_module(stage).main(arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
