"""Stages of the graph that a run would have to make, rather than keep or restore from a cache."""

from collections.abc import Iterable

from dvc.repo import Repo
from dvc.stage.cache import RunCacheNotFoundError

from pipeline.errors import UserError


def unmade(stages: Iterable[str]) -> list[str]:
    """Return those of `stages` that neither stand as they should nor lie in the run cache.

    Args:
      stages: as DVC names them; what they depend on is up to date.

    Raises:
      UserError: another DVC is at work.
    """
    from dvc.lock import LockError

    with Repo() as repo:
        try:
            with repo.lock:
                by_name = {stage.addressing: stage for stage in repo.index.stages}
                return [name for name in stages if _is_unmade(repo, by_name[name])]
        except LockError:
            raise UserError("dvc.lock: another dvc is at work; wait for it") from None


def _is_unmade(repo: Repo, stage) -> bool:
    if not stage.changed():
        return False
    try:
        stage.save_deps()
        repo.stage_cache.restore(stage, dry=True)
    except RunCacheNotFoundError:
        return True
    return False
