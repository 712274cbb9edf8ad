"""The graph as DVC sees it now: its stages, what each needs, what a run would still do."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from pipeline.graph.repository import opened
from pipeline.graph.unmade import is_unmade

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import PipelineStage


class State(Enum):
    """How a stage stands."""

    DONE = "done"
    RUNNING = "running"
    WAITING = "to run"


@dataclass(frozen=True)
class Stages:
    """All stages that come from one entry of dvc.yaml.

    Attributes:
      name: the entry's.
      states: by the stage's whole name, as `train@tiny-0`.
      needs: names of the entries whose outputs these read, in the order of dvc.yaml.
    """

    name: str
    states: Mapping[str, State]
    needs: list[str]

    def count(self, state: State) -> int:
        """Count the stages that stand so."""
        return sum(found is state for found in self.states.values())


def outlook() -> list[Stages]:
    """Ask DVC for every stage, in the order of dvc.yaml.

    A stage waits where a dependency, a parameter or an output is not what dvc.lock has and the run
    cache doesn't hold it, and where a stage before it waits.

    Raises:
      UserError: DVC finds a file of its own at fault, or another DVC is at work.
    """
    # It says of a stage in the run cache that it is being restored, which is not so here.
    logging.getLogger("dvc.stage.cache").setLevel(logging.WARNING)
    with opened() as repo, repo.lock:
        stages = [stage for stage in repo.index.stages if _in_pipeline(stage)]
        needs = {_name(stage): list(_needs(repo, stage)) for stage in stages}
        states = _states(repo, {_name(stage): stage for stage in stages}, needs)
    entries = list(dict.fromkeys(map(_entry, needs)))
    return [
        Stages(
            entry,
            {name: states[name] for name in needs if _entry(name) == entry},
            _in_order(
                (_entry(need) for name in needs if _entry(name) == entry for need in needs[name]),
                entries,
            ),
        )
        for entry in entries
    ]


def _in_pipeline(stage: Any) -> "TypeGuard[PipelineStage]":
    """Tell a stage of dvc.yaml from a folder under DVC."""
    from dvc.stage import PipelineStage

    return isinstance(stage, PipelineStage)


def _needs(repo: "Repo", stage: Any) -> Iterator[str]:
    """Yield the names of the stages that one reads from."""
    return (_name(other) for other in repo.index.graph.successors(stage) if _in_pipeline(other))


def _states(
    repo: "Repo", stages: Mapping[str, "PipelineStage"], needs: Mapping[str, Iterable[str]]
) -> dict[str, State]:
    from dvc.lock import LockError

    states: dict[str, State] = {}

    def of(name: str) -> State:
        if name not in states:
            before = [of(need) for need in needs[name]]
            try:
                ready = all(state is State.DONE for state in before)
                waits = not ready or is_unmade(repo, stages[name])
                states[name] = State.WAITING if waits else State.DONE
            # The stage that another DVC runs holds its own outputs.
            except LockError:
                states[name] = State.RUNNING
        return states[name]

    return {name: of(name) for name in stages}


def _name(stage: "PipelineStage") -> str:
    return cast("str", stage.name)


def _entry(name: str) -> str:
    return name.partition("@")[0]


def _in_order(found: Iterable[str], order: list[str]) -> list[str]:
    return sorted(set(found), key=order.index)
