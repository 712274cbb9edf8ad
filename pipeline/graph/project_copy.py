"""A copy of the project for runs that must not touch the workspace; DVC's cache is shared.

What is trained there stands in the run cache, so the workspace restores it where it comes to the
same parameters, and the other way round. Checkpoints stand where those of the workspace do, since
their fingerprint is the same.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import file_lock, paths
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.graph import child
from pipeline.graph.repository import in_one_line, opened

# Here and not in `paths`, whose code every stage's hash has: no fold depends on it.
FOLDER = Path(".cache/try")
_CODE = ("pipeline", "stages")
_GRAPH = "dvc.yaml"
_FILES = (_GRAPH, "dvc.lock", ".dvcignore", ".dvc/config")
_MADE = ("artifacts", "metrics", "plots", *_CODE)


class ProjectCopy:
    """The copy, held by this process.

    Attributes:
      folder: its root.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def reproduce(self, stage: str, parameters: str) -> None:
        """Bring a stage up to date under other parameters.

        Args:
          stage: as DVC names it.
          parameters: the text of params.yaml.

        Raises:
          UserError: the stage fails or is stopped, or depends on a file outside of the project by
            a relative path.
        """
        write_text(self.folder / "params.yaml", parameters)
        self._link_sources(stage)
        environment = {
            "CHECKPOINT_ROOT": str(paths.checkpoints().absolute()),
            "JAX_COMPILATION_CACHE_DIR": str(paths.compile_cache().absolute()),
        }
        command = ("--wait-for-lock", "repro", stage)
        if child.run(self.folder, *command, environment=environment):
            raise UserError(
                f"{stage}: did not end; what it saved stays, and the same command goes on from it"
            )

    def _link_sources(self, stage: str) -> None:
        """Link what the stage depends on and no stage makes, such as Kaggle's files."""
        with contextlib.chdir(self.folder), opened() as repo:
            stages = repo.stage.collect(stage, with_deps=True)
            made = [Path(out.def_path) for one in stages for out in one.outs]
            needed = {Path(dep.def_path) for one in stages for dep in one.deps}
        for path in sorted(needed):
            # An absolute path leads to the same file from here.
            if path.is_absolute() or any(path.is_relative_to(out) for out in made):
                continue
            if ".." in path.parts:
                raise UserError(f"{path}: lies outside of the project; give its absolute path")
            place = self.folder / path
            if path.exists() and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.unlink(missing_ok=True)
                place.symlink_to(path.absolute())


@contextlib.contextmanager
def held(folder: Path = FOLDER) -> Iterator[ProjectCopy]:
    """Make the copy anew from the project as it stands, and hold it.

    Raises:
      UserError: another process holds it, or DVC finds the project at fault.
    """
    lock = file_lock.take(folder, 0.0)
    if lock is None:
        raise UserError(f"{folder}: another try is at work there; wait for it")
    try:
        _refresh(folder)
        yield ProjectCopy(folder)
    finally:
        lock.release()


def _refresh(folder: Path) -> None:
    for name in _MADE:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in _CODE:
        shutil.copytree(name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".dvc").mkdir(exist_ok=True)
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
        if Path(name).exists():
            shutil.copyfile(name, folder / name)
    with opened() as repo:
        cache, kinds = repo.cache.local_cache_dir, repo.config["cache"].get("type")
    from dvc.config import Config

    settings: dict[str, Any] = {
        # Without git: it is no checkout, and has nothing to commit.
        "core": {"no_scm": True},
        "cache": {"dir": cache} | ({"type": kinds} if kinds else {}),
    }
    config: Any = Config(str((folder / ".dvc").absolute()))
    with in_one_line(), config.edit("local") as local:
        local.update(settings)
