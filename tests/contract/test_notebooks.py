"""The notebooks: valid, without outputs, thin; their commands exist. `make notebooks` runs them."""

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.contract.project import ROOT, graph

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code(path: Path) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == "code"]


def test_there_are_two(path: Path):
    assert [path.stem for path in NOTEBOOKS] == ["colab", "kaggle"]
    assert path in NOTEBOOKS


def test_it_is_valid_and_holds_no_output(path: Path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == [
        f"cell-{n:02d}" for n in range(len(notebook.cells))
    ]
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_one_cell_has_the_parameters(path: Path):
    (cell,) = [c for c in read(path).cells if "parameters" in c.metadata.get("tags", ())]
    names = {
        node.targets[0].id for node in ast.parse(cell.source).body if isinstance(node, ast.Assign)
    }  # type: ignore[union-attr, attr-defined]
    assert names == {
        "REPOSITORY", "PROJECT", "PLATFORM", "DEVICES", "SOURCE", "RECIPE", "MODEL", "FOLDS",
        "EPOCHS", "MINUTES", "DRIVE",
    }  # fmt: skip


def test_it_is_thin(path: Path):
    assert sum(len(source.splitlines()) for source in code(path)) < 110


def test_what_it_calls_is_there(path: Path):
    shell = "\n".join(source for source in code(path) if source.startswith("%%bash"))
    targets = re.findall(r"^make (\w+)", shell, re.M)
    assert {"ready", "recipe", "doctor", "smoke", "folds", "submission"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", MAKEFILE, re.M), target
    assert re.findall(r"^dvc (\w+)", shell, re.M) == ["repro", "remote", "push"]
    assert set(re.findall(r'"(\w+)@\$MODEL', shell)) <= set(graph()["stages"])


def test_every_cell_of_the_shell_ends_at_its_first_failure(path: Path):
    for source in code(path):
        if source.startswith("%%bash"):
            assert source.startswith("%%bash -e\n")
        else:
            assert not re.search(r"^!", source, re.M), "a failure there ends nothing"


def test_essays_and_names_of_this_machine_stay_out(path: Path):
    text = path.read_text(encoding="utf-8")
    assert "keep it private" in text
    assert not re.search(r"/(?:home|root|work)/(?!MyDrive)", text)
