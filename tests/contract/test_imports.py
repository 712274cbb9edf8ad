"""Imports run one way, down the order in which the data flows."""

import graphlib
from pathlib import Path

import pytest

from pipeline.graph.closure import imported
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
    "inference",
    "training",
    "members",
    "evaluation",
    "bundle",
    "kaggle",
    "doctor",
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
