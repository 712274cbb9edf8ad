"""A task's copy of the project: its own, and gone once nobody holds it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cluster import environment
from pipeline.cluster.workspace import ORDER, workspace
from tests.contract.project import ROOT

# Dies in its workspace as a machine does.
DYING = """
import os, signal
from pathlib import Path
from pipeline.cluster.workspace import workspace
with workspace(Path("source"), Path("made"), {}) as place:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(environment.FOLDER, str(tmp_path / "node"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source/pipeline").mkdir(parents=True)
    (tmp_path / "source/pipeline/file.py").write_text("a = 1")
    (tmp_path / "made").mkdir()
    return tmp_path / "node/workspaces"


def test_two_tasks_have_a_copy_each(root: Path) -> None:
    with (
        workspace(Path("source"), Path("made"), {"stage": "a"}) as a,
        workspace(Path("source"), Path("made").absolute(), {"stage": "b"}) as b,
    ):
        assert a != b
        for place, stage in ((a, "a"), (b, "b")):
            assert json.loads((place / ORDER).read_text()) == {"stage": stage}
            assert (place / "pipeline/file.py").read_text() == "a = 1"
        assert (b / ".venv").resolve() == Path("made").resolve()
        assert a.is_dir(), "the second task takes nothing of the first"
    assert [path.name for path in root.iterdir()] == ["lock"]


def test_what_a_dead_task_left_goes_with_the_next_one(root: Path) -> None:
    command = [sys.executable, "-c", DYING]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len([path for path in root.iterdir() if path.is_dir()]) == 1
    with workspace(Path("source"), Path("made"), {}) as place:
        assert [path for path in root.iterdir() if path.is_dir()] == [place]
    assert [path.name for path in root.iterdir()] == ["lock"]
