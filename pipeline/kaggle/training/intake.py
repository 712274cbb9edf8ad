"""Take in what a kernel left: trained folds into DVC's cache, checkpoints beside our own."""

import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from pipeline import file_lock, paths
from pipeline.errors import UserError
from pipeline.files import atomic_folder
from pipeline.graph.repository import opened
from pipeline.graph.unmade import unmade
from pipeline.training.needs import STATE
from pipeline.training.origin import FILE

_REMOTE: Final = "kaggle"
_DAMAGE = (tarfile.TarError, EOFError, ValueError)


def take_folds(archive: Path, stages: Sequence[str]) -> list[str]:
    """Put a DVC remote's objects and runs into the cache, so that `dvc repro` restores the stages.

    Args:
      archive: of the remote.
      stages: that were trained.

    Returns:
      Those for which the graph here asks for something else by now.

    Raises:
      UserError: the archive is damaged, or an object isn't what its name says.
    """
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        remote = Path(scratch) / "remote"
        _unpack(archive, remote)
        _import(remote)
    return unmade(stages)


def _import(remote: Path) -> None:
    from dvc_data.hashfile.hash_info import HashInfo

    # Objects are held to their names as they come.
    described = {"url": str(remote.absolute()), "verify": True}
    config = {"core": {"remote": _REMOTE}, "remote": {_REMOTE: described}}
    with opened(config) as repo, repo.lock:
        found = repo.cloud.get_remote_odb(_REMOTE).all()
        repo.cloud.pull({HashInfo("md5", digest) for digest in found}, remote=_REMOTE)
        repo.stage_cache.pull(_REMOTE)


def take_checkpoints(archive: Path) -> list[str]:
    """Put checkpoints beside our own; those that are there already stay.

    Returns:
      The runs that have a new one.

    Raises:
      UserError: the archive is damaged, or a process trains one of the runs.
    """
    root = paths.checkpoints()
    taken = []
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        _unpack(archive, Path(scratch) / "runs")
        for run in sorted((Path(scratch) / "runs").iterdir()):
            target = root / run.name
            held = file_lock.take(target, 0.0)
            if held is None:
                raise UserError(f"{target}: another process is training this; wait or end it")
            try:
                if _merge(run, target):
                    taken.append(run.name)
            finally:
                held.release()
    return taken


def _merge(run: Path, target: Path) -> bool:
    """Copy the steps that a run's folder has not; tell whether there were any."""
    steps = [step for step in (run / STATE).iterdir() if not (target / STATE / step.name).exists()]
    for step in steps:
        with atomic_folder(target / STATE / step.name) as temporary:
            shutil.copytree(step, temporary, dirs_exist_ok=True)
    if steps:
        shutil.copyfile(run / FILE, target / FILE)
    return bool(steps)


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive that isn't trusted: files and folders below `folder` alone.

    Raises:
      UserError: it is damaged or names something else.
    """
    try:
        with tarfile.open(archive, "r:") as source:
            for member in source:
                path = PurePosixPath(member.name)
                if not member.isfile() or path.is_absolute() or ".." in path.parts:
                    raise UserError(
                        f"{archive}: {member.name!r}: expected a file below the archive's root; "
                        "nothing was taken in"
                    )
                source.extract(member, folder, filter="data")
    except _DAMAGE as error:
        raise UserError(f"{archive}: no whole tar file ({error}); nothing was taken in") from None
