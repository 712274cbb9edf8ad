"""The standing of each stage, and what it reads: DVC's own word."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from pipeline.graph.repository import opened
from pipeline.graph.unmade import is_locked, is_unmade

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import PipelineStage


class State(Enum):
    """A stage's standing."""

    DONE = "done"
    RUNNING = "running"
    WAITING = "to run"


@dataclass(frozen=True)
class Standing:
    """One stage.

    Attributes:
      state: how it stands.
      needs: the stages whose outputs it reads.
      data: paths of what it reads that no stage makes and that is under DVC, as Kaggle's files.
      locked: dvc.lock has the stage as it is now. Where it waits, its outputs alone are missing.
    """

    state: State
    needs: tuple[str, ...]
    data: tuple[str, ...]
    locked: bool


def standings() -> dict[str, Standing]:
    """Ask DVC for every stage by its whole name, as `train@tiny-0`, in the order of dvc.yaml.

    A stage waits where a dependency, a parameter or an output is not what dvc.lock has and the run
    cache doesn't hold it, and where a stage before it waits.

    Raises:
      UserError: DVC finds a file of its own at fault, or another DVC is at work.
    """
    # It says of a stage in the run cache that it is being restored, which is not so here.
    logging.getLogger("dvc.stage.cache").setLevel(logging.WARNING)
    with opened() as repo, repo.lock:
        stages = {_name(stage): stage for stage in repo.index.stages if _in_pipeline(stage)}
        needs = {name: tuple(_needs(repo, stage)) for name, stage in stages.items()}
        # First: looking into the run cache leaves a stage changed.
        locked = {name: _is_locked(stage) for name, stage in stages.items()}
        states = _states(repo, stages, needs)
        return {
            name: Standing(states[name], needs[name], tuple(_data(repo, stage)), locked[name])
            for name, stage in stages.items()
        }


def _in_pipeline(stage: Any) -> "TypeGuard[PipelineStage]":
    """Tell a stage of dvc.yaml from a folder under DVC."""
    from dvc.stage import PipelineStage

    return isinstance(stage, PipelineStage)


def _needs(repo: "Repo", stage: Any) -> Iterator[str]:
    """Yield the names of the stages that one reads from."""
    return (_name(other) for other in repo.index.graph.successors(stage) if _in_pipeline(other))


def _data(repo: "Repo", stage: Any) -> Iterator[str]:
    """Yield the outputs of plain .dvc files that a stage reads, as a whole or a part of them."""
    root = Path(repo.root_dir)
    outs = [Path(out.fs_path) for out in repo.index.outs if not _in_pipeline(out.stage)]
    for dep in (Path(dep.fs_path) for dep in stage.deps):
        for out in outs:
            if out.is_relative_to(dep) or dep.is_relative_to(out):
                yield max(out, dep, key=lambda one: len(one.parts)).relative_to(root).as_posix()


def _is_locked(stage: "PipelineStage") -> bool:
    from dvc.lock import LockError

    try:
        return is_locked(stage)
    except LockError:
        return False


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
