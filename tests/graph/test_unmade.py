"""The stages that a run would have to make: DVC's own word, its run cache included."""

from pathlib import Path

import pytest

from pipeline.graph.unmade import unmade
from tests.graph.project import dvc, make

STAGES = """
stages:
  train:
    matrix: {fold: [0, 1, 2]}
    cmd: cp in${item.fold} out${item.fold}
    deps: ['in${item.fold}']
    outs: ['out${item.fold}']
"""
NAMES = ("train@0", "train@1", "train@2")


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(STAGES, dict.fromkeys(("in0", "in1", "in2"), "former"))


def test_what_stands_as_it_should_is_made() -> None:
    assert unmade(NAMES) == []


def test_what_an_input_made_stale_is_unmade() -> None:
    Path("in1").write_text("new")
    assert unmade(NAMES) == ["train@1"]
    assert unmade(["train@0", "train@2"]) == []


def test_what_the_run_cache_has_is_not_made_again() -> None:
    Path("in1").write_text("new")
    dvc("repro", "--quiet")
    Path("in1").write_text("former")
    before = Path("dvc.lock").read_bytes()
    assert unmade(NAMES) == []
    assert Path("out1").read_text() == "new", "it looks and touches nothing"
    assert Path("dvc.lock").read_bytes() == before


def test_an_output_that_is_gone_comes_from_the_cache_or_is_unmade() -> None:
    Path("out2").unlink()
    assert unmade(NAMES) == []
    for path in Path(".dvc/cache/files").rglob("*"):
        if path.is_file():
            path.unlink()
    assert "train@2" in unmade(NAMES)
