"""Bring the competition's files into data/raw, whole and checked, and put them under DVC."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.competition.essays import KaggleFiles, read_source
from pipeline.errors import UserError
from pipeline.files import atomic_folder
from pipeline.graph.locked_outputs import md5
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
        return _there(target, "download")
    archive = download(connect(), competition, cache)
    say(f"{archive}: {archive.stat().st_size / 1e6:,.1f} MB")
    source = _unpacked(archive, target, "Kaggle has it", "remove it and run the same command again")
    archive.unlink()
    return source


def take(archive: Path, competition: str, target: Path) -> KaggleFiles:
    """Unpack an archive that the user has, if the files are not there yet, and check them.

    Args:
      archive: Kaggle's, as a browser downloads it; it stays.
      competition: whose it has to be, for messages.
      target: the folder to make, whole or not at all.

    Raises:
      UserError: there is no such archive, or whatever else is in the way.
    """
    if not archive.is_file():
        found = "found a folder" if archive.is_dir() else "not found"
        raise UserError(f"ZIP: {archive}: {found}, expected Kaggle's archive")
    if archive.resolve().is_relative_to(target.resolve()):
        raise UserError(
            f"ZIP: {archive}: lies in {target}, which is made whole; move it elsewhere and remove "
            f"{target}"
        )
    if target.exists():
        return _there(target, "unpack")
    told = f"{archive} has it, expected the archive of {competition}"
    return _unpacked(archive, target, told, "download it again")


def _there(target: Path, verb: str) -> KaggleFiles:
    say(f"{target}: there already; to {verb} it again, remove it first")
    return read_source(target)


def _unpacked(archive: Path, target: Path, told: str, advice: str) -> KaggleFiles:
    """Unpack an archive into a new folder, whole and checked.

    Args:
      archive: a zip file.
      target: the folder to make.
      told: who has the files like this, for the line on a mistake in them.
      advice: for an archive that isn't whole.
    """
    with atomic_folder(target) as folder:
        files = unpack(archive, folder, advice)
        try:
            source = read_source(folder)
        except UserError as error:
            raise UserError(f"{error} (as {told}; nothing was kept)") from None
    say(f"{target}: {files:,} files")
    return source


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
      UserError: DVC fails; the folder stays. Or its cache has other bytes under these files' names,
        and DVC has put them in the files' place.
    """
    if target.is_symlink():
        return None
    checked = md5(target)
    command = ["dvc", "--wait-for-lock", "add", str(target)]
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = said[0].removeprefix("ERROR: ") if said else "no reason given"
        raise UserError(f"{' '.join(command)} failed: {reason}; the files stay in {target}")
    if md5(target) != checked:
        raise UserError(
            f"{target}: DVC's cache has other bytes for these files, as after an edit by root; run "
            f"make mend, remove {target}, and run the same command again"
        )
    return target.with_name(f"{target.name}.dvc")
