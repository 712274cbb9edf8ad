"""What the README tells a reader to type is there to be typed."""

import re
import subprocess
import sys

import pytest

from tests.contract.project import ROOT, graph

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, re.S)
    for line in block.splitlines()
]


def test_the_two_commands_come_first():
    assert COMMANDS[:2] == ["make submission", "make test"]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_targets_exist(command: str):
    target, *settings = command.split()[1:]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:.*##", makefile, re.M)
    for setting in settings:
        assert setting.split("=")[0] in makefile


def test_recipes_exist():
    named = re.findall(r"make recipe NAME=(\S+)", README)
    assert named
    assert [name for name in named if not (ROOT / f"recipes/{name}.yaml").is_file()] == []


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("dvc ")])
def test_dvc_commands_exist(command: str):
    """DVC itself parses the words; `--help` keeps it from acting on them."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *command.split()[1:], "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for option in re.findall(r"--[a-z-]+|-S\b", command.replace("--wait-for-lock", "")):
        assert option in done.stdout
    for target in re.findall(r"(\w+)@", command):
        assert target in graph()["stages"]


def test_nothing_else_is_asked_for():
    assert {command.split()[0] for command in COMMANDS} <= {"make", "dvc", ".ci/run"}
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)]+)\)|recipes/[\w-]+\.yaml", README))
def test_links_lead_somewhere(path: str):
    assert path.startswith("http") or not path or (ROOT / path).exists()


def test_the_table_of_stages_is_the_graph():
    rows = re.findall(r"^\| `(\w+)[@`]", README, re.M)
    assert rows == list(graph()["stages"])


def test_the_tree_is_the_library():
    tree = README.split("```")[-2]
    for folder in (ROOT / "pipeline").iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            assert f"  {folder.name}/" in tree
