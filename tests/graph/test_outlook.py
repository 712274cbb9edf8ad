"""The graph's outlook: DVC's own word of what is done, what waits, what runs elsewhere."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.graph.outlook import Stages, State, outlook
from tests.graph.project import dvc, make

STAGES = """
stages:
  first:
    cmd: cp in middle
    deps: [in]
    outs: [middle]
  train:
    matrix: {fold: [0, 1]}
    cmd: cat middle in${item.fold} > out${item.fold}
    deps: [middle, 'in${item.fold}']
    outs: ['out${item.fold}']
  last:
    cmd: cat out0 out1 > all; while test -e hold; do sleep 0.1; done
    deps: [out0, out1]
    outs: [all]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make(STAGES, {name: name for name in ("in", "in0", "in1")})
    return folder


@pytest.fixture(autouse=True)
def _project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shutil.copytree(made, tmp_path / "project", symlinks=True))


def _waiting(found: list[Stages]) -> list[str]:
    return [n for s in found for n, state in s.states.items() if state is State.WAITING]


def test_stages_come_in_the_order_of_dvc_yaml_with_what_they_read() -> None:
    found = outlook()
    assert [(stages.name, stages.needs) for stages in found] == [
        ("first", []),
        ("train", ["first"]),
        ("last", ["train"]),
    ]
    assert [stages.count(State.DONE) for stages in found] == [1, 2, 1]


def test_one_stale_fold_and_what_comes_after_it_wait() -> None:
    Path("in1").write_text("new")
    assert _waiting(outlook()) == ["train@1", "last"]


def test_all_that_comes_after_the_first_stage_waits_with_it() -> None:
    Path("in").write_text("new")
    assert _waiting(outlook()) == ["first", "train@0", "train@1", "last"]


def test_what_the_run_cache_holds_does_not_wait() -> None:
    Path("in1").write_text("new")
    dvc("repro", "--quiet")
    Path("in1").write_text("in1")
    assert "train@1" not in _waiting(outlook())


def test_a_stage_that_runs_elsewhere_runs() -> None:
    Path("in1").write_text("new")
    Path("hold").touch()
    with subprocess.Popen([sys.executable, "-m", "dvc", "repro", "--quiet"]) as run:
        try:
            found = [State.WAITING]
            for _ in range(300):
                time.sleep(0.1)
                # Until its command has begun, DVC is at work by itself.
                if Path("all").is_file() and Path("out1").read_text().endswith("new"):
                    found = list(outlook()[-1].states.values())
                    break
        finally:
            Path("hold").unlink()
            assert run.wait() == 0
    assert found == [State.RUNNING]
    assert _waiting(outlook()) == []
