"""Imports run one way, down the order in which the data flows."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.graph.closure import closure, imported
from tests.contract.project import ROOT, python_files

MODULES = [*python_files("pipeline"), *python_files("stages", "commands")]
FLOW = (
    "base",  # the modules of pipeline itself: errors, params, paths, files, progress, devices
    "graph",
    "competition",
    "inputs",
    "encoders",
    "backbones",
    "tables",
    "topics",
    "inference",
    "teaching",
    "training",
    "pretraining",
    "members",
    "evaluation",
    "viewing",
    "report",
    "bundle",
    "kaggle",
    "doctor",
    "cluster",
    "stages",
    "commands",
)


def _layer(path: Path) -> int:
    if path.parts[0] != "pipeline":
        return FLOW.index(path.parts[0])
    return FLOW.index(path.parts[1]) if len(path.parts) > 2 else 0


def test_no_cycles():
    edges = {path: imported(path, ROOT) for path in MODULES if path.name != "__init__.py"}
    order = list(graphlib.TopologicalSorter(edges).static_order())
    assert len(order) >= len(edges)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_upstream(path: Path):
    against = [p.as_posix() for p in imported(path, ROOT) if _layer(p) > _layer(path)]
    assert against == []


def test_pmap_stands_in_one_file():
    """As does everything else that knows how many devices there are."""
    users = [p for p in MODULES if "jax.pmap(" in (ROOT / p).read_text(encoding="utf-8")]
    assert users == [Path("pipeline/devices.py")]


def _reached(*entries: Path) -> set[str]:
    """The parts of the library, and the libraries, that modules import, directly or not."""
    files = {file for entry in entries for file in closure(entry, ROOT)}
    parts = {path.parts[1] for path in files if len(path.parts) > 2}
    return parts.union(*(_libraries(ROOT / file) for file in files))


def _libraries(path: Path) -> set[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return {name.split(".")[0] for name in names}


def test_a_bundle_predicts_without_the_trainer():
    reached = _reached(*python_files("pipeline/bundle"))
    assert {"inference", "evaluation", "jax"} <= reached
    assert "training" not in reached


def test_evaluation_is_numpy_alone():
    modules = list(python_files("pipeline/evaluation"))
    reached = _reached(*modules)
    assert "numpy" in reached
    assert not {"jax", "flax", "training", "inference", "encoders"} & reached
    names = [path.with_suffix("").as_posix().replace("/", ".") for path in modules]
    program = f"import sys, {', '.join(names)}\nassert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
