"""A stage on a node, without Ray: the function that its workers call, on a toy graph."""

import _thread
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.cluster import environment
from pipeline.cluster.listening import Begun, Event, Said
from pipeline.cluster.node import Ending, Leaving, Order, run
from pipeline.graph.lock_entries import add_entries
from tests.contract.project import ROOT, without_git
from tests.graph.project import dvc

GRAPH = """
stages:
  tokens:
    cmd: mkdir tokens && cp in tokens/in
    deps: [in]
    outs: [tokens]
  train:
    matrix: {fold: [0, 1]}
    cmd: exec python toy.py ${item.fold}
    deps: [tokens]
    outs: ['out${item.fold}']
  pseudo:
    cmd: cat out0 tokens/in > soft
    deps: [out0, tokens]
    outs: [soft]
"""
# Fold 0 trains, fold 1 does what the file `how` in the shared folder says.
TOY = """
import os, signal, sys, time
from pathlib import Path
name = os.environ["DVC_STAGE"]
shared = Path(os.environ["CHECKPOINT_ROOT"]).parent
print(f"{name}: 9 steps on 1 toy device(s)", flush=True)
how = (shared / "how").read_text() if sys.argv[1] == "1" else "train"
if how == "fail":
    print("error: params.yaml: a mistake", file=sys.stderr)
    raise SystemExit(1)
if how == "wait":
    def save(*_):
        (shared / "checkpoints/saved").touch()
        print(f"stopped: {name}: SIGINT at step 3", file=sys.stderr, flush=True)
        raise SystemExit(75)
    signal.signal(signal.SIGINT, save)
    (shared / "checkpoints").mkdir(exist_ok=True)
    (shared / "waits").touch()
    time.sleep(60)
if how == "leave":
    print("stopped: the machine goes", file=sys.stderr)
    raise SystemExit(75)
kept = shared / "checkpoints" / name
kept.mkdir(parents=True)
Path(os.environ["CHECKPOINT_NOTE"]).write_text(str(kept))
Path(f"out{sys.argv[1]}").write_text(Path("tokens/in").read_text())
"""


class Board:
    """As the actor of a queue, which takes events without an answer."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.put_nowait = self

    def remote(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tokens are made and pushed, and a node beside it with nothing."""
    folder = tmp_path_factory.mktemp("prepared")
    project, shared = without_git(folder / "project", "{}\n"), folder / "shared"
    shared.mkdir()
    (shared / "mark").touch()
    (project / "requirements").mkdir()
    (project / "requirements/cpu-py3.11.txt").write_text("a==1\n")
    (project / "dvc.yaml").write_text(GRAPH)
    (project / "toy.py").write_text(TOY)
    (project / "in").write_text("words")
    with contextlib.chdir(project):
        dvc("remote", "add", "--local", "--default", "spread", str(shared / "remote"))
        dvc("repro", "--quiet", "tokens")
        dvc("push", "--quiet", "--run-cache", "tokens")
    # As Ray ships it: without outputs and without a cache.
    (project / ".dvc/config.local").unlink()
    for made in ("tokens", ".dvc/cache", ".dvc/tmp"):
        (project / made).rename(folder / made.replace("/", "-"))
    # An environment that is there already.
    place = folder / "node/environments" / environment.name(project, "cpu")
    (place / "bin").mkdir(parents=True)
    (place / ".installed-cpu").touch()
    (place / "bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (place / "bin/python").chmod(0o755)
    return folder


class Node:
    """A node, and the folder that it shares."""

    def __init__(self, folder: Path) -> None:
        self.shared, self.folder = folder / "shared", folder / "node"

    def run(self, stage: str, *before: Ending, mark: str = "mark") -> tuple[Ending, Board]:
        remote = {"spread": {"url": str(self.shared / "remote")}}
        settings: dict[str, Any] = {"core": {"no_scm": True, "remote": "spread"}, "remote": remote}
        inputs = ("tokens", *(one.stage for one in before))
        board = Board()
        order = Order(stage, inputs, "cpu", str(self.shared), mark, settings)
        return run(order, board, *before), board

    def left(self) -> list[str]:
        """What workspaces of tasks are still there."""
        return sorted(path.name for path in (self.folder / "workspaces").iterdir())


@pytest.fixture
def node(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    folder = shutil.copytree(prepared, tmp_path / "copy", symlinks=True)
    monkeypatch.setenv(environment.FOLDER, str(folder / "node"))
    monkeypatch.chdir(folder / "project")
    return Node(folder)


@pytest.mark.slow
def test_a_stage_is_pulled_made_and_pushed_and_the_next_one_has_it(node: Node) -> None:
    ending, board = node.run("train@0")
    assert (ending.state, ending.said) == ("done", "")
    assert isinstance(board.events[0], Begun)
    assert Said("train@0", "train@0: 9 steps on 1 toy device(s)") in board.events
    assert node.left() == ["lock"]
    # Its checkpoints went after the push, and the coordinator's lock takes the entry.
    assert list((node.shared / "checkpoints").iterdir()) == []
    entry = json.loads(json.dumps(ending.entry))
    add_entries({"train@0": entry})
    assert Path("dvc.lock").read_text().count("train@0:") == 1
    next_one, _ = node.run("pseudo", ending)
    assert next_one.state == "done", next_one.said
    # What is in the run cache is not made again, wherever it was made.
    again, board = node.run("train@0")
    assert again.entry == ending.entry
    assert not [event for event in board.events if isinstance(event, Said)]


@pytest.mark.slow
def test_a_mistake_is_told_at_once_and_a_machine_s_leave_is_not_one(node: Node) -> None:
    (node.shared / "how").write_text("fail")
    assert node.run("train@1")[0] == Ending("train@1", "failed", "params.yaml: a mistake")
    (node.shared / "how").write_text("leave")
    with pytest.raises(Leaving, match="the machine goes"):
        node.run("train@1")
    assert node.left() == ["lock"]


@pytest.mark.slow
def test_a_cancelled_stage_saves_before_it_ends(node: Node) -> None:
    (node.shared / "how").write_text("wait")

    def cancel() -> None:
        while not (node.shared / "waits").exists():
            time.sleep(0.05)
        # As Ray does.
        _thread.interrupt_main()

    threading.Thread(target=cancel, daemon=True).start()
    # A shell's job in the background has it ignored, and Python then never hears of it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ending, _ = node.run("train@1")
    finally:
        signal.signal(signal.SIGINT, before)
    assert ending == Ending("train@1", "stopped", "train@1: SIGINT at step 3")
    assert (node.shared / "checkpoints/saved").exists()
    assert node.left() == ["lock"]


def test_what_it_waited_for_did_not_end_well(tmp_path: Path) -> None:
    order = Order("pseudo", (), "cpu", str(tmp_path), "mark", {})
    ending = run(order, Board(), Ending("train@0", "done"), Ending("train@1", "stopped"))
    assert (ending.state, ending.said) == ("stopped", "pseudo: waits for train@1")


def test_another_folder_under_the_same_name_is_told(tmp_path: Path) -> None:
    ending = run(Order("train@0", (), "cpu", str(tmp_path), "mark", {}), Board())
    assert ending.state == "failed"
    assert ending.said.startswith(f"SHARED: {tmp_path}: not the folder that the others see, on ")


def test_workers_need_the_standard_library_alone() -> None:
    program = (
        "import sys, pipeline.cluster.node as node\n"
        "third = {'numpy', 'jax', 'dvc', 'pydantic', 'ruamel', 'filelock', 'psutil'}\n"
        "assert not third & set(sys.modules), third & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
