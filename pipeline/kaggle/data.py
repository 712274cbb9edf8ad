"""Bring the competition's files into data/raw, whole and checked, and put them under DVC."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.competition.essays import KaggleFiles, read_source
from pipeline.errors import UserError
from pipeline.files import atomic_folder
from pipeline.kaggle.client import Client
from pipeline.kaggle.download import download
from pipeline.kaggle.unpack import unpack
from pipeline.progress import say


def bring(
    connect: Callable[[], Client], competition: str, target: Path, cache: Path
) -> KaggleFiles:
    """Download and unpack a competition's files, if they are not there yet, and check them.

    Args:
      connect: signs in; not called when the files are there.
      competition: its name in Kaggle's addresses.
      target: the folder to make, whole or not at all.
      cache: keeps the archive between two attempts.

    Raises:
      UserError: whatever is in the way, with what to do about it.
    """
    if target.exists():
        say(f"{target}: there already; to download it again, remove it first")
        return read_source(target)
    archive = download(connect(), competition, cache)
    say(f"{archive}: {archive.stat().st_size / 1e6:,.1f} MB")
    with atomic_folder(target) as folder:
        files = unpack(archive, folder)
        source = _checked(folder, target)
    archive.unlink()
    say(f"{target}: {files:,} files")
    return source


def _checked(folder: Path, target: Path) -> KaggleFiles:
    """Hold the files to the competition's schema, under the names that they will have."""
    try:
        return read_source(folder)
    except UserError as error:
        raise UserError(
            f"{str(error).replace(str(folder), str(target))} (as Kaggle has it; nothing was kept)"
        ) from None


def need_dvc() -> None:
    """Check that DVC can take the files, before they are downloaded.

    Raises:
      UserError: this is no folder of DVC's.
    """
    if not Path(".dvc").is_dir():
        raise UserError(".dvc: not found; run from the root of the project")


def put_under_dvc(target: Path) -> Path | None:
    """Let DVC track a folder; return the file that git is to track instead.

    DVC tracks nothing behind a link; None is returned then.

    Raises:
      UserError: DVC fails; the folder stays.
    """
    if target.is_symlink():
        return None
    command = ["dvc", "--wait-for-lock", "add", str(target)]
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = said[0].removeprefix("ERROR: ") if said else "no reason given"
        raise UserError(f"{' '.join(command)} failed: {reason}; the files stay in {target}")
    return target.with_name(f"{target.name}.dvc")
