"""Unpack an archive that isn't trusted: every name inside the folder, no links, no bombs."""

import lzma
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from pipeline.errors import UserError
from pipeline.kaggle.refusals import too_little_room
from pipeline.progress import track
from pipeline.refusals import reason

_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)
LARGEST = 50 * 10**9  # bytes, unpacked
MOST = 200_000  # files


def unpack(archive: Path, folder: Path, advice: str) -> int:
    """Unpack a whole archive into an empty folder.

    Args:
      archive: a zip file, not to be trusted.
      folder: exists and is empty; the caller removes it when this fails.
      advice: for an archive that isn't whole.

    Returns:
      The number of files.

    Raises:
      UserError: no whole zip file, a name that leads elsewhere or comes twice, a link, something
        encrypted, more than `LARGEST` bytes or `MOST` files, or no room.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            _check(archive, source.infolist(), folder)
            members = [member for member in source.infolist() if not member.is_dir()]
            for member in track(members, len(members), "file", f"unpack {archive.name}"):
                _extract(source, member, folder)
    except _DAMAGE as error:
        raise UserError(f"{archive}: no whole zip file ({error}); {advice}") from None
    except OSError as error:
        into = f"{archive}: cannot be unpacked into {folder.parent}"
        raise UserError(f"{into}: {reason(error)}") from None
    return len(members)


def _check(archive: Path, members: list[zipfile.ZipInfo], folder: Path) -> None:
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    for member in members:
        finding = _finding(member) or _clash(member, files, folders)
        if finding:
            raise UserError(f"{archive}: {member.filename!r}: {finding}; nothing was unpacked")
    total = sum(member.file_size for member in members)  # zipfile reads no more than this
    if total > LARGEST or len(members) > MOST:
        raise UserError(
            f"{archive}: would unpack to {total:,} bytes in {len(members):,} files, expected at "
            f"most {LARGEST:,} in {MOST:,}; nothing was unpacked"
        )
    free = shutil.disk_usage(folder).free
    if total > free:
        raise too_little_room(folder.parent, total, free)


def _finding(member: zipfile.ZipInfo) -> str | None:
    """Say what is wrong with one member; None where nothing is."""
    # The name as the archive has it: zipfile cuts `filename` at a null byte.
    path = PurePosixPath(member.orig_filename)
    # No parts are the folder itself, which an archive may name as a folder.
    names_none = not path.parts and not member.orig_filename.endswith("/")
    outside = path.is_absolute() or ".." in path.parts
    if names_none or outside or any(c in member.orig_filename for c in "\\:\0"):
        return "a path that leads out of the folder"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link or device, expected files and folders"
    if member.flag_bits & 1:
        return "encrypted"
    return None


def _clash(
    member: zipfile.ZipInfo, files: set[PurePosixPath], folders: set[PurePosixPath]
) -> str | None:
    """Note one member's path among those before it; say what it clashes with, if anything.

    Case makes no difference on some disks, so here it makes none.
    """
    path = PurePosixPath(member.filename.lower())
    if not member.is_dir() and path in files:
        return "a name that comes twice"
    above = {*path.parents, *([path] if member.is_dir() else [])}
    if (path in folders and not member.is_dir()) or above & files:
        return "a name that comes as a file and as a folder"
    folders |= above
    if not member.is_dir():
        files.add(path)
    return None


def _extract(source: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open(member) as stream, target.open("xb") as out:
        shutil.copyfileobj(stream, out, 1 << 20)
