"""Tasks until all are done, one fails or someone asks to stop: on a cluster that is a script."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.cluster import running
from pipeline.cluster.listening import Begun, Event
from pipeline.cluster.node import Ending, Order
from pipeline.cluster.plan import Task
from pipeline.cluster.running import Run, told
from pipeline.errors import Stopped, UserError
from pipeline.graph.lock_entries import read_entry

TASKS = [Task("a", (), ()), Task("b", ("a",), ()), Task("c", (), ())]
ORDERS = [Order(task.stage, (), "cpu", "there", "mark", {}) for task in TASKS]


class Script:
    """A cluster whose tasks end as they are told to, in this order; a name stands for a task."""

    def __init__(self, *endings: Ending) -> None:
        self.endings = {ending.stage: ending for ending in endings}
        self.before: dict[str, list[Any]] = {}
        self.cancelled: list[str] = []
        self.sent: list[Event] = [Begun("a", "host")]

    def submit(self, order: Order, options: Mapping[str, Any], before: Sequence[Any]) -> str:
        self.before[order.stage] = list(before)
        return order.stage

    def wait(self, tasks: Sequence[str], seconds: float) -> list[str]:
        return [name for name in self.endings if name in tasks][:1]

    def events(self) -> list[Event]:
        sent, self.sent = self.sent, []
        return sent

    def ending(self, task: str, stage: str) -> Ending:
        assert task == stage
        return self.endings.pop(task)

    def cancel(self, task: str) -> None:
        self.cancelled.append(task)
        self.endings.setdefault(task, Ending(task, "stopped", f"{task}: saved"))


class Watch:
    def __init__(self, *reasons: str | None) -> None:
        self.reasons = list(reasons)

    def reason(self) -> str | None:
        return self.reasons.pop(0) if self.reasons else None


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _run(script: Script, *reasons: str | None) -> None:
    Run(script, TASKS, ORDERS, {"num_cpus": 2}, Watch(*reasons), Path("there")).to_the_end()


def _done(name: str) -> Ending:
    return Ending(name, "done", entry={"cmd": f"make {name}"})


def test_each_task_waits_for_those_that_it_needs_and_its_entry_is_noted() -> None:
    script = Script(_done("a"), _done("c"), _done("b"))
    _run(script)
    assert script.before == {"a": [], "b": ["a"], "c": []}
    assert script.cancelled == []
    assert [read_entry(name) for name in "abc"] == [{"cmd": f"make {name}"} for name in "abc"]


def test_one_that_fails_stops_the_others_and_is_the_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = Script(Ending("c", "failed", "params.yaml: a mistake"))
    with pytest.raises(UserError, match=r"^params\.yaml: a mistake$"):
        _run(script)
    assert script.cancelled == ["a", "b"]
    assert capsys.readouterr().out.splitlines()[-2:] == ["a: saved", "b: saved"]


def test_what_ends_well_while_all_stop_is_kept() -> None:
    script = Script(_done("a"))
    with pytest.raises(Stopped, match=r"^spread: SIGINT; what was trained is saved in there, run"):
        _run(script, "SIGINT")
    assert script.cancelled == ["b", "c"]
    assert read_entry("a") == {"cmd": "make a"}


def test_a_cluster_without_room_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "_ALONE", 0.0)
    script = Script()
    monkeypatch.setattr(script, "events", list)
    with pytest.raises(Stopped):
        _run(script, None, "SIGINT")
    assert "spread: waits for a node with 2 CPU free" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_cpus": 4}, "4 CPU"),
        ({"num_cpus": 1, "num_gpus": 2}, "1 CPU, 2 GPU"),
        ({"num_cpus": 1, "resources": {"TPU": 8}}, "1 CPU, 8 TPU"),
    ],
)
def test_what_a_task_asks_for_in_words(options: dict[str, Any], words: str) -> None:
    assert told(options) == words
