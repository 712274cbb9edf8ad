"""Targets that start DVC examine params.yaml first, for the accelerator that is asked for."""

import os
import re
import shlex
import subprocess

import pytest

from tests.contract.project import ROOT

WORDS = ["my files/it's.zip", "x'; touch ran; '", "`touch ran`;x", 'a"b']
RUNS = r"dvc |.*-m commands\.(?!configuration)"


def _commands(*arguments: str, **environment: str) -> list[str]:
    """The commands that make would run, none of them run."""
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "ACCEL", "MFLAGS"))
    }
    done = subprocess.run(
        ["make", "-n", *arguments],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("target", ["submission", "smoke", "accept"])
def test_the_doctor_comes_before_dvc(target: str):
    commands = _commands(target, "MODEL=minilm", "STAGE=train")
    start = re.compile(r" repro|commands\.(accept|inputs)")
    starts = [n for n, line in enumerate(commands) if start.search(line)]
    model = " --model 'minilm'" if target == "smoke" else ""
    assert commands.index(f"python -m commands.doctor{model}") < starts[0]


@pytest.mark.parametrize(
    "target",
    ["data", "submit", "bundle", "kaggle", "prune", "mend", "plots", "queue", "code",
     "experiments", "compare", "try", "report",
     "graph", "demo", "spread", "train-on-kaggle"],
)  # fmt: skip
def test_params_yaml_is_checked_before_dvc_resolves_its_graph(target: str):
    commands = _commands(target, "STAGE=train")
    first = next(n for n, line in enumerate(commands) if re.match(RUNS, line))
    assert "python -m commands.configuration" in commands[:first]


def test_an_accelerator_that_is_asked_for_is_handed_on():
    for commands in (
        _commands("doctor", "ACCELERATOR=tpu"),
        _commands("doctor", ACCELERATOR="tpu"),
    ):
        assert "python -m commands.doctor --accelerator 'tpu'" in commands
    assert "python -m commands.doctor" in _commands("doctor")


@pytest.mark.parametrize(
    ("target", "variable", "command"),
    [("data", "ZIP", "commands.data --zip"), ("recipe", "NAME", "commands.recipe")],
)
@pytest.mark.parametrize("word", WORDS)
def test_a_path_is_one_word_for_the_shell(target: str, variable: str, command: str, word: str):
    lines = _commands(target, f"{variable}={word}")
    found = [line for line in lines if line.startswith(f"python -m {command} ")]
    assert [shlex.split(line)[-1] for line in found] == [word]


@pytest.mark.parametrize(
    ("target", "variables", "command"),
    [
        ("compare", {"A": "--a", "B": "--b", "FOLD": "--fold"}, "commands.compare"),
        ("try", {"SET": "--set", "FOLD": "--fold", "MODEL": "--model"}, "commands.trial"),
        (
            "train-on-kaggle",
            {"MODEL": "--model", "ACCELERATOR": "--accelerator", "FOLDS": "--folds"},
            "commands.train_on_kaggle",
        ),
        (
            "spread",
            {"ADDRESS": "--address", "SHARED": "--shared", "CPUS": "--cpus"},
            "commands.spread",
        ),
    ],
)
@pytest.mark.parametrize("word", WORDS)
def test_a_setting_is_one_word_of_its_own_option(
    target: str, variables: dict[str, str], command: str, word: str
):
    """With the equals sign, so that a word that begins with a dash is no option."""
    lines = _commands(target, *(f"{variable}={word}" for variable in variables))
    (found,) = [line for line in lines if command in line]
    words = shlex.split(found)
    first = words.index(command) + 1
    expected = [f"{option}={word}" for option in variables.values()]
    assert words[first : first + len(expected)] == expected
