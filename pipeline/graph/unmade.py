"""Stages of the graph that a run would have to make, rather than keep or restore from a cache."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from pipeline.graph.repository import opened

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import PipelineStage


def unmade(stages: Iterable[str]) -> list[str]:
    """Return those of `stages` that neither stand as they should nor lie in the run cache.

    Args:
      stages: as DVC names them; what they depend on is up to date.

    Raises:
      UserError: DVC finds a file of its own at fault, or another DVC is at work.
    """
    # It says of a stage in the run cache that it is being restored, which is not so here.
    logging.getLogger("dvc.stage.cache").setLevel(logging.WARNING)
    with opened() as repo, repo.lock:
        by_name = {stage.addressing: stage for stage in repo.index.stages}
        return [name for name in stages if is_unmade(repo, cast("PipelineStage", by_name[name]))]


def is_unmade(repo: "Repo", stage: "PipelineStage") -> bool:
    """Tell whether a run would have to make a stage whose dependencies are up to date."""
    # Here, because it takes a second that most runs need not spend.
    from dvc.stage.cache import RunCacheNotFoundError

    if not stage.changed():
        return False
    if is_locked(stage):
        return not stage.outs_cached()
    stage.save_deps()
    # Else DVC, which finds the dependencies as they were saved just now, takes the former outputs
    # for theirs and doesn't look into the run cache.
    stage.cmd_changed = True
    try:
        repo.stage_cache.restore(stage, dry=True)
    except RunCacheNotFoundError:
        return True
    return False


def is_locked(stage: "PipelineStage") -> bool:
    """Tell whether dvc.lock has a stage's command, dependencies and parameters as they are now."""
    return not (stage.changed_stage() or stage.changed_deps())
