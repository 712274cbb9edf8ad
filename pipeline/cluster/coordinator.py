"""The whole way: what stands before training here, the rest on the cluster, the end here again."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.cluster import shared
from pipeline.cluster.node import Ending, Order
from pipeline.cluster.plan import Task, before_training, only_to_fetch, tasks, to_push
from pipeline.cluster.ray_tasks import Cluster
from pipeline.cluster.resources import resources
from pipeline.cluster.view import View
from pipeline.configuration import Configuration
from pipeline.errors import Stopped, UserError
from pipeline.graph import child
from pipeline.graph.lock_entries import add_entries
from pipeline.graph.standing import standings
from pipeline.params import Compute, Session
from pipeline.platforms import BUILDS
from pipeline.progress import say
from pipeline.training.interruptions import Interruptions
from pipeline.training.left import left

_LOOK = 0.5  # seconds from one look at the tasks to the next
_SAVING = 600.0  # seconds for what was asked to stop
_ALONE = 60.0  # seconds without a task at work, after which it is told


def spread(
    configuration: Configuration,
    address: str | None,
    folder: Path,
    cpus: int | None = None,
    devices: int | None = None,
) -> None:
    """Train on a cluster what DVC's cache doesn't have, and bring the whole graph up to date.

    Args:
      configuration: the present one.
      address: of the cluster, as Ray has it; None for one on this machine.
      folder: that all nodes see.
      cpus: of a task.
      devices: of a task: GPUs, or chips of a TPU.

    Raises:
      UserError: a stage fails, or the cluster can't run it. The other tasks are saved.
      Stopped: asked to stop; every task that had begun is saved.
    """
    settings = shared.settings(folder)
    wanted, inputs = _wanted()
    if wanted:
        _dvc("push", "--quiet", "--run-cache", *inputs)
        say(left(configuration, {task.stage for task in wanted}).line)
        compute = configuration.read("compute", Compute)
        session = configuration.read("session", Session)
        early = Interruptions(session)
        with shared.marked(folder) as mark, Cluster(address) as cluster:
            # Anew, since Ray takes over signals as it starts.
            interruptions = Interruptions(session)
            if reason := early.reason():
                raise Stopped(f"spread: {reason} before anything was trained")
            options = resources(compute, cluster.nodes(), cpus, devices)
            say(f"spread: {len(wanted)} stage(s), each on {_told(options)}")
            orders = [
                Order(
                    task.stage, task.inputs, BUILDS[compute.platform], str(folder), mark, settings
                )
                for task in wanted
            ]
            _Run(cluster, wanted, orders, options, interruptions, folder).to_the_end()
    _dvc("repro", "--pull")


class _Run:
    """Tasks on a cluster, until all are done, one fails, or someone asks to stop."""

    def __init__(
        self,
        cluster: Cluster,
        wanted: Sequence[Task],
        orders: Sequence[Order],
        options: Mapping[str, Any],
        interruptions: Interruptions,
        folder: Path,
    ) -> None:
        self._cluster, self._interruptions, self._folder = cluster, interruptions, folder
        handed: dict[str, Any] = {}
        for task, order in zip(wanted, orders, strict=True):
            before = [handed[name] for name in task.needs]
            handed[task.stage] = cluster.submit(order, options, before)
        self._pending = {task: stage for stage, task in handed.items()}
        self._asks, self._alone_since = _told(options), time.monotonic()

    def to_the_end(self) -> None:
        with View(len(self._pending)) as view:
            while self._pending:
                for ending in self._look(view):
                    self._take(ending, view)
                self._tell_if_alone(view)
                if reason := self._interruptions.reason():
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
        left_over = _SAVING
        while self._pending and left_over > 0:
            for ending in self._look(view):
                if ending.state == "done":
                    self._take(ending, view)
                elif ending.said:
                    say(ending.said)
            left_over -= _LOOK

    def _told(self, reason: str) -> str:
        late = f"; {len(self._pending)} did not answer" if self._pending else ""
        return (
            f"spread: {reason}; what was trained is saved in {self._folder}{late}, run the same "
            "command to go on"
        )


def _wanted() -> tuple[list[Task], list[str]]:
    """Bring up to date what stands before training; return the tasks and what they read."""
    if first := before_training(standings()):
        _dvc("repro", "--pull", *first)
    found = standings()
    wanted = tasks(found)
    if known := only_to_fetch(wanted, found):
        shared.fetch(known)
        found = standings()
        wanted = tasks(found)
    return wanted, to_push(wanted)


def _dvc(*arguments: str) -> None:
    if child.run(Path(), "--wait-for-lock", *arguments, environment={}):
        raise UserError(f"dvc {arguments[0]} failed, as it says above; nothing is lost")


def _told(options: Mapping[str, Any]) -> str:
    own = {"CPU": options["num_cpus"], "GPU": options.get("num_gpus", 0)}
    all_of_it = own | options.get("resources", {})
    return ", ".join(f"{count} {kind}" for kind, count in all_of_it.items() if count)
