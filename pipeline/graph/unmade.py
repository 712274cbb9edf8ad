"""Stages of the graph that a run would have to make, rather than keep or restore from a cache."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipeline.graph.repository import opened

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import Stage


def unmade(stages: Iterable[str]) -> list[str]:
    """Return those of `stages` that neither stand as they should nor lie in the run cache.

    Args:
      stages: as DVC names them; what they depend on is up to date.

    Raises:
      UserError: DVC finds a file of its own at fault, or another DVC is at work.
    """
    with opened() as repo, repo.lock:
        by_name = {stage.addressing: stage for stage in repo.index.stages}
        return [name for name in stages if _is_unmade(repo, by_name[name])]


def _is_unmade(repo: "Repo", stage: "Stage") -> bool:
    # Here, because it takes a second that most runs need not spend.
    from dvc.stage.cache import RunCacheNotFoundError

    if not stage.changed():
        return False
    try:
        stage.save_deps()
        repo.stage_cache.restore(stage, dry=True)
    except RunCacheNotFoundError:
        return True
    return False
