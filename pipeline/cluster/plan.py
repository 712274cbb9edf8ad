"""A cluster's tasks, read off the graph: training stages, and what stands between them."""

import graphlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.errors import UserError
from pipeline.graph.outlook import entry
from pipeline.graph.standing import Standing, State

TRAINING = frozenset({"pretrain", "train", "reseed", "fit", "refit"})
"""Entries of dvc.yaml that take an accelerator and hours."""


@dataclass(frozen=True)
class Task:
    """A stage that a node of the cluster runs.

    Attributes:
      stage: its name.
      needs: tasks that it waits for.
      inputs: what to pull before it runs: outputs of whole stages, for a stage looks ahead at
        more than it declares, and paths of what is under DVC itself.
    """

    stage: str
    needs: tuple[str, ...]
    inputs: tuple[str, ...]


def before_training(found: Mapping[str, Standing]) -> list[str]:
    """List the stages that waiting trainings need and that need no training themselves."""
    return [name for name in found if name in _needed(found) and not _needs_training(name, found)]


def tasks(found: Mapping[str, Standing]) -> list[Task]:
    """List what the cluster has to run, each task behind those that it needs.

    These are the trainings that wait, and of the stages before them those that wait too: after
    `before_training` is done they stand between trainings, as a teacher's predictions do.

    Raises:
      UserError: a DVC of this machine is at work on one of them.
    """
    there = _needed(found)
    for name in there:
        if found[name].state is State.RUNNING:
            raise UserError(f"{name}: another dvc runs it here; wait for it")
    waiting = {name for name in there if found[name].state is State.WAITING}
    edges = {name: [n for n in found[name].needs if n in waiting] for name in found}
    order = graphlib.TopologicalSorter({name: edges[name] for name in found if name in waiting})
    return [
        Task(name, tuple(edges[name]), (*found[name].needs, *found[name].data))
        for name in order.static_order()
    ]


def only_to_fetch(wanted: Iterable[Task], found: Mapping[str, Standing]) -> list[str]:
    """List the tasks that dvc.lock has as they are now: their outputs may lie in the remote."""
    return [task.stage for task in wanted if found[task.stage].locked]


def to_push(wanted: Iterable[Task]) -> list[str]:
    """List the inputs of tasks that no task makes."""
    listed = list(wanted)
    made = {task.stage for task in listed}
    return sorted({name for task in listed for name in task.inputs} - made)


def _needed(found: Mapping[str, Standing]) -> set[str]:
    """Return trainings that don't stand as they should, and all that they need."""
    needed: set[str] = set()
    wanted = [
        name
        for name, standing in found.items()
        if entry(name) in TRAINING and standing.state is not State.DONE
    ]
    while wanted:
        name = wanted.pop()
        if name not in needed:
            needed.add(name)
            wanted += found[name].needs
    return needed


def _needs_training(name: str, found: Mapping[str, Standing]) -> bool:
    return entry(name) in TRAINING or any(_needs_training(n, found) for n in found[name].needs)
