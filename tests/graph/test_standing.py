"""How a stage stands beside dvc.lock, and what it reads that is under DVC by itself."""

import shutil
from pathlib import Path

import pytest

from pipeline.graph.standing import State, standings
from tests.graph.project import dvc, make

STAGES = """
stages:
  clean:
    cmd: cp raw/a middle
    deps: [raw]
    outs: [middle]
  train:
    cmd: cat middle raw/b > out
    deps: [middle, raw/b]
    outs: [out]
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    for name in "ab":
        Path("raw", name).write_text(name)
    make(STAGES, {})
    dvc("add", "--quiet", "raw")


def test_data_under_dvc_is_told_as_a_whole_or_a_part() -> None:
    found = standings()
    assert {name: one.data for name, one in found.items()} == {
        "clean": ("raw",),
        "train": ("raw/b",),
    }
    assert {name: one.needs for name, one in found.items()} == {"clean": (), "train": ("clean",)}


def test_a_stage_that_lost_its_outputs_is_still_the_lock_s() -> None:
    Path("out").unlink()
    shutil.rmtree(".dvc/cache/files")
    dvc("commit", "--quiet", "--force", "clean")
    found = standings()["train"]
    assert (found.state, found.locked) == (State.WAITING, True)


def test_a_stale_stage_is_not_the_lock_s() -> None:
    Path("middle").unlink()
    Path("middle").write_text("another")
    found = standings()["train"]
    assert (found.state, found.locked) == (State.WAITING, False)
