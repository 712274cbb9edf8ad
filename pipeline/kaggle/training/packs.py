"""The input of a training kernel: archives of the project, of a model's inputs, of checkpoints.

Each is one file in a private dataset of its own, so that what hasn't changed is not sent again.
Kaggle unpacks archives that it knows by their ending, and what it makes of names with a leading
dot is written nowhere: so they have an ending that it doesn't know.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline import file_lock, paths
from pipeline.bundle.carried import files_of
from pipeline.errors import UserError
from pipeline.files import atomic_file, sha256, write_json
from pipeline.graph.repository import opened
from pipeline.kaggle.archive import write_archive
from pipeline.kaggle.parcel import METADATA
from pipeline.kaggle.target import title
from pipeline.kaggle.training.last_step import last_step

BASE: Final = "effective-arguments"
_CODE = ("pipeline", "stages", "commands", "requirements")
# Without dvc.lock: a fold that is taken in changes it, and no stage that runs alone reads it.
_FILES = ("dvc.yaml", ".dvcignore")
_PARAMETERS = "params.yaml"
_LONGEST = 50  # characters of a name in Kaggle's addresses
_DIGITS = 8


@dataclass(frozen=True)
class Pack:
    """One archive, ready to be sent.

    Attributes:
      name: as the order has it.
      slug: of its dataset.
      folder: holds the archive and the dataset's metadata.
      digest: sha256 of the archive.
    """

    name: str
    slug: str
    folder: Path
    digest: str

    @property
    def path(self) -> Path:
        """The archive."""
        return self.folder / f"{self.name}.pack"

    @property
    def ordered(self) -> Mapping[str, Any]:
        """Its entry in the order."""
        return {"file": self.path.name, "sha256": self.digest}


def slug(*words: str) -> str:
    """Make a name for Kaggle's addresses: small letters, digits and single hyphens."""
    whole = "-".join([BASE, *words])
    text = re.sub(r"[^a-z0-9]+", "-", whole.lower()).strip("-")
    if len(text) <= _LONGEST:
        return text
    # What is cut off may be all that tells two apart.
    end = hashlib.sha256(whole.encode()).hexdigest()[:_DIGITS]
    return f"{text[: _LONGEST - _DIGITS - 1].strip('-')}-{end}"


def make(name: str, owner: str, model: str, files: Mapping[str, Path | str], root: Path) -> Pack:
    """Archive files in a folder of their own; the same files give the same bytes.

    Args:
      name: of the pack.
      owner: the account.
      model: whose it is; empty: everyone's.
      files: a file, or its text, by its name over there.
      root: of all packs.
    """
    own = slug(name, model)
    folder = root / own
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.pack"
    with atomic_file(path) as temporary:
        write_archive(temporary, sorted(files.items()))
    metadata = {"id": f"{owner}/{own}", "title": title(own), "licenses": [{"name": "other"}]}
    write_json(folder / METADATA, metadata)
    return Pack(name, own, folder, sha256(path))


def project_files(parameters: str) -> dict[str, Path | str]:
    """The code, the graph, and parameters, by their names over there."""
    code = (path for name in _CODE for path in Path(name).rglob("*") if _is_code(path))
    files = [*code, *(path for name in _FILES if (path := Path(name)).is_file())]
    return {path.as_posix(): path for path in files} | {_PARAMETERS: parameters}


def _is_code(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def input_files(stages: Iterable[str], further: Iterable[Path]) -> dict[str, Path]:
    """The files that stages depend on, by their names over there.

    Args:
      stages: as DVC names them.
      further: files or folders that they read as well.

    Raises:
      UserError: one is missing, or lies outside the project.
    """
    with opened() as repo:
        by_name = {stage.addressing: stage for stage in repo.index.stages}
        depended = {Path(dep.def_path) for name in stages for dep in by_name[name].deps}
    found: dict[str, Path] = {}
    for path in sorted(depended.union(further)):
        if path.as_posix() != _PARAMETERS:
            found |= {file.as_posix(): file for file in files_of(path)}
    return found


def checkpoint_files(runs: Iterable[Path]) -> dict[str, Path]:
    """The files of each run's last checkpoint, by their names below the root of checkpoints.

    Raises:
      UserError: a process is at work on one.
    """
    found: dict[str, Path] = {}
    for run in runs:
        held = file_lock.take(run, 0.0)
        if held is None:
            raise UserError(f"{run}: another process is training this; wait or end it")
        held.release()
        for file in last_step(run):
            found[file.relative_to(paths.checkpoints()).as_posix()] = file
    return found
