"""Tasks on a cluster until all are done, one fails, or someone asks to stop."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pipeline.cluster.listening import Event
from pipeline.cluster.node import Ending, Order
from pipeline.cluster.plan import Task
from pipeline.cluster.view import View
from pipeline.errors import Stopped, UserError
from pipeline.graph.lock_entries import add_entries
from pipeline.progress import say

_LOOK = 0.5  # seconds from one look at the tasks to the next
_SAVING = 600.0  # seconds for what was asked to stop
_ALONE = 60.0  # seconds without a task at work, after which it is told


class Places(Protocol):
    """A place where tasks run, such as Ray's cluster."""

    def submit(self, order: Order, options: Mapping[str, Any], before: Sequence[Any]) -> Any:
        """Hand in a task, to begin after others."""
        ...

    def wait(self, tasks: Sequence[Any], seconds: float) -> list[Any]:
        """Return those that have ended."""
        ...

    def events(self) -> list[Event]:
        """Take what tasks have sent."""
        ...

    def ending(self, task: Any, stage: str) -> Ending:
        """Return how a task ended."""
        ...

    def cancel(self, task: Any) -> None:
        """Ask a task to save and leave."""
        ...


class Watch(Protocol):
    """A source of reasons to stop."""

    def reason(self) -> str | None:
        """Return the reason to stop now, or None."""
        ...


class Run:
    """Tasks on a cluster, until all are done, one fails, or someone asks to stop."""

    def __init__(
        self,
        cluster: Places,
        wanted: Sequence[Task],
        orders: Sequence[Order],
        options: Mapping[str, Any],
        watch: Watch,
        folder: Path,
    ) -> None:
        """Hand in all tasks.

        Args:
          cluster: where they run.
          wanted: the tasks, each behind those that it needs.
          orders: of the same.
          options: what each asks of a node.
          watch: knows when to stop.
          folder: where they save.
        """
        self._cluster, self._watch, self._folder = cluster, watch, folder
        handed: dict[str, Any] = {}
        for task, order in zip(wanted, orders, strict=True):
            before = [handed[name] for name in task.needs]
            handed[task.stage] = cluster.submit(order, options, before)
        self._pending = {task: stage for stage, task in handed.items()}
        self._asks, self._alone_since = told(options), time.monotonic()

    def to_the_end(self) -> None:
        """Show what the tasks do, and note in dvc.lock what they made.

        Raises:
          UserError: one failed; the others are saved.
          Stopped: asked to stop; all are saved.
        """
        with View(len(self._pending)) as view:
            while self._pending:
                for ending in self._look(view):
                    self._take(ending, view)
                self._tell_if_alone(view)
                if reason := self._watch.reason():
                    self._stop(view)
                    raise Stopped(self._told(reason))

    def _look(self, view: View) -> list[Ending]:
        ended = self._cluster.wait(list(self._pending), _LOOK)
        for event in self._cluster.events():
            view.show(event)
        return [self._cluster.ending(task, self._pending.pop(task)) for task in ended]

    def _take(self, ending: Ending, view: View) -> None:
        if ending.state == "done":
            add_entries({ending.stage: ending.entry})
            view.done(ending.stage)
        elif ending.state == "failed":
            self._stop(view)
            raise UserError(ending.said)

    def _tell_if_alone(self, view: View) -> None:
        """Say so where tasks wait and no node takes one; Ray would wait without a word."""
        now = time.monotonic()
        if view.at_work:
            self._alone_since = now
        elif now - self._alone_since >= _ALONE:
            self._alone_since = now
            say(f"spread: waits for a node with {self._asks} free")

    def _stop(self, view: View) -> None:
        """Have every task save and leave, and wait for it."""
        say("spread: stops, once what is at work is saved")
        for task in self._pending:
            self._cluster.cancel(task)
        end = time.monotonic() + _SAVING
        while self._pending and time.monotonic() < end:
            for ending in self._look(view):
                if ending.state == "done":
                    self._take(ending, view)
                elif ending.said:
                    say(ending.said)

    def _told(self, reason: str) -> str:
        late = f"; {len(self._pending)} did not answer" if self._pending else ""
        return (
            f"spread: {reason}; what was trained is saved in {self._folder}{late}, run the same "
            "command to go on"
        )


def told(options: Mapping[str, Any]) -> str:
    """Say in words what a task asks of a node."""
    own = {"CPU": options["num_cpus"], "GPU": options.get("num_gpus", 0)}
    whole = own | options.get("resources", {})
    return ", ".join(f"{count} {kind}" for kind, count in whole.items() if count)
