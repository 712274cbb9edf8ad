"""What the README and the documents tell a reader to type is there to be typed."""

import importlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from dvc.cli import DvcParserError, parse_args

from pipeline.competition.landmarks import LANDMARKS, NOTED
from tests.contract.project import ROOT, graph

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")
OPERATING = (ROOT / "docs/operating.md").read_text(encoding="utf-8")


def commands(page: Path) -> list[str]:
    """Every line of a page's blocks of commands, without comments and what is piped into one."""
    return [
        line.split("#")[0].rpartition("|")[2].strip()
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
        for line in block.splitlines()
    ]


GATE = (ROOT / ".ci/run").read_text(encoding="utf-8")
ALL = sorted({command for page in PAGES for command in commands(page)})


def test_the_two_commands_come_first():
    assert commands(PAGES[0])[:2] == ["make submission", "make test"]


def test_the_readme_is_read_in_a_minute():
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("command", [c for c in ALL if c.startswith("make ")])
def test_make_targets_exist(command: str):
    target, *settings = command.split()[1:]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:.*##", makefile, re.M)
    for setting in settings:
        assert setting.split("=")[0] in makefile


def _tested(module: str) -> bool:
    """Whether a test imports or runs a command's module, or CI's gate makes the target."""
    package, name = module.split(".")
    if f"make {name.replace('_', '-')}\n" in GATE:
        return True
    patterns = rf"{package}\.{name}\b|from {package} import {name}\b"
    return any(
        re.search(patterns, path.read_text(encoding="utf-8"))
        for path in (ROOT / "tests").rglob("test_*.py")
    )


@pytest.mark.parametrize("command", [c for c in ALL if c.startswith("make ")])
def test_what_a_target_runs_is_run_by_a_test_or_by_ci(command: str):
    target = command.split()[1]
    done = subprocess.run(
        ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    modules = set(re.findall(r"-m (commands\.\w+)", done.stdout)) - {"commands.configuration"}
    assert f"make {target}" in GATE or all(map(_tested, modules)), modules
    # What calls DVC or another tool directly stands in the gate, or DVC itself has tests for it.
    assert modules or target in {"test", "test-slow", "check", "code", "parity", "compat", "peers",
                                 "tpu-check", "gpu-check", "train-on-kaggle-check"}  # fmt: skip


def test_recipes_exist():
    named = [name for command in ALL for name in re.findall(r"make recipe NAME=(\S+)", command)]
    assert named
    assert [name for name in named if not (ROOT / f"recipes/{name}.yaml").is_file()] == []


@pytest.mark.parametrize("command", [c for c in ALL if c.startswith("dvc ")])
def test_dvc_takes_the_words(command: str):
    parse_args(shlex.split(command)[1:])
    for target in re.findall(r"(\w+)@", command):
        assert target in graph()["stages"]


@pytest.mark.parametrize("command", ["dvc repro --no-such-option", "dvc no-such-command"])
def test_dvc_refuses_what_it_does_not_know(command: str):
    with pytest.raises((DvcParserError, SystemExit)):
        parse_args(command.split()[1:])


@pytest.mark.parametrize("command", [c for c in ALL if c.startswith("python ")])
def test_modules_exist_and_know_their_options(command: str, capsys: pytest.CaptureFixture[str]):
    flag, module, *words = command.split()[1:]
    assert flag == "-m"
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(module).main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for word in words:
        assert not word.startswith("--") or word.split("=")[0] in said


def test_nothing_else_is_asked_for():
    assert {command.split()[0] for command in ALL} <= {"make", "dvc", ".ci/run", "python"}
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


LINKS = [
    (page, link)
    for page in PAGES
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(
    ("page", "link"), LINKS, ids=[f"{page.name}-{link}" for page, link in LINKS]
)
def test_links_lead_somewhere(page: Path, link: str):
    assert link.startswith("http") or (page.parent / link).exists()


def test_recipes_that_are_named_exist():
    named = [
        path
        for page in PAGES
        for path in re.findall(r"`(recipes/[\w-]+\.yaml)`", page.read_text(encoding="utf-8"))
    ]
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_documents_are_found_from_the_readme():
    assert [page.name for page in PAGES[1:] if f"](docs/{page.name})" not in README] == []


def test_landmarks_are_those_of_the_table():
    """The README rounds nothing, and says of when they are."""
    row = next(line for line in README.splitlines() if "for scale" in line)
    by = {mark.name.split(",")[0].split(" ")[0]: f"{mark.log_loss:g}" for mark in LANDMARKS}
    assert NOTED in row
    assert re.findall(r"0\.\d+", row) == [by["24th"], by["gold"]]
    priors = next(mark.log_loss for mark in LANDMARKS if mark.name == "class priors")
    assert f"| the real data: class priors | {priors:g} |" in README


def test_the_table_of_stages_is_the_graph():
    rows = re.findall(r"^\| `(\w+)[@`]", OPERATING, re.M)
    assert rows == list(graph()["stages"])


def test_the_tree_is_the_library():
    tree = OPERATING.split("```")[-2]
    for folder in (ROOT / "pipeline").iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            assert f"  {folder.name}/" in tree
