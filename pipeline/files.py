"""Files that are written whole or not at all, and hashes of them."""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError, naming

if TYPE_CHECKING:
    import pandas as pd


# What is being written has such a name beside its target; .dvcignore and .gitignore know the end.
_UNFINISHED = ".unfinished"
# In the order in which what a kill left is seen to.
_FORMER, _NEW = "former", "new"
_LEFT = re.compile(rf"\.(.+)\.({_FORMER}|{_NEW})\.(\d{{1,9}})\.[^.]+{_UNFINISHED}", re.DOTALL)
# An output in DVC's cache.
_CACHED = re.compile(r"files/md5/[0-9a-f]{2}/[0-9a-f]{30}")


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, moved onto it when the block ends without an error.

    A link stays: the file that it leads to is replaced, on its own disk.
    """
    named, path = path, real_place(path)
    _prepare(path)
    temporary = _beside(path, _NEW)
    with naming(named, temporary):
        temporary.touch()
        try:
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`, moved onto it when the block ends without an error.

    A link stays: the folder that it leads to is replaced, on its own disk.

    Raises:
      UserError: the folder is where a disk is mounted, and so can't be replaced.
    """
    named, path = path, real_place(path)
    if os.path.ismount(path):
        raise UserError(
            f"{named}: found a mounted disk itself, expected a folder on it: the whole folder is "
            "replaced"
        )
    _prepare(path)
    temporary, former = _beside(path, _NEW), _beside(path, _FORMER)
    with naming(named, temporary):
        temporary.mkdir()
        try:
            yield temporary
            temporary.chmod(0o755)
            # Two renames, as a folder can't replace one that holds files. After a kill in between,
            # the next writer finds the old folder and puts it back.
            if path.exists():
                path.rename(former)
            temporary.rename(path)
        finally:
            # The new one could not be moved in: nothing may be lost.
            if former.exists() and not path.exists():
                former.rename(path)
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(former, ignore_errors=True)


def real_place(path: Path) -> Path:
    """Follow a link to the place that it leads to, whether or not anything is there yet.

    A rename would replace the link. Only a link into DVC's cache is to be replaced, for the cache
    keeps what other commits have.
    """
    if not path.is_symlink():
        return path
    # The system has a name for a circle of links, which Python would only follow to no end.
    with contextlib.suppress(FileNotFoundError):
        path.stat()
    place = Path(os.path.realpath(path))
    return path if _CACHED.fullmatch("/".join(place.parts[-4:])) else place


def _beside(path: Path, kind: str) -> Path:
    """Make a new name in the folder of `path`; it holds the number of this process."""
    unique = f"{os.getpid()}.{secrets.token_hex(4)}"
    return path.with_name(f".{path.name}.{kind}.{unique}{_UNFINISHED}")


def _prepare(path: Path) -> None:
    """Make the folder of `path`, and clear it of what killed writers of `path` left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_unfinished(path.parent, path.name)


def clear_unfinished(folder: Path, name: str | None = None) -> list[Path]:
    """Clear a folder of what killed writers left in it.

    A kill may have come after the old folder was moved away and before the new one was moved in.
    The old one is put back then.

    Args:
      folder: need not be there; what lies deeper stays.
      name: of the file or folder that was written; None for all.

    Returns:
      What was removed or put back.
    """
    cleared = []
    for left in sorted(folder.iterdir()) if folder.is_dir() else []:
        found = _LEFT.fullmatch(left.name)
        if not found or name not in (None, found[1]) or _is_another(int(found[3])):
            continue
        path = left.with_name(found[1])
        if found[2] == _FORMER and not path.exists():
            left.rename(path)
        elif left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
        cleared.append(left)
    return cleared


def is_unfinished(path: Path) -> bool:
    """Tell whether a path is that of something which is being written, or was when a kill came."""
    return _LEFT.fullmatch(path.name) is not None


def _is_another(process: int) -> bool:
    """Tell whether another process has this number; in a container numbers begin anew."""
    if process == os.getpid():
        return False
    try:
        # Signal 0 sends nothing; it only asks whether there is such a process.
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # Somebody else's process, but one that is there.
    except PermissionError:
        pass
    return True


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole, and flush it to the disk, so that a power cut does not lose it."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys; not-a-number raises ValueError."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
      UserError: the file is missing or no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    except RecursionError:
        raise UserError(f"{path}: not JSON: nested too deeply") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object, found a {type(value).__name__}")
    return value


def write_parquet(path: Path, table: "pd.DataFrame") -> None:
    """Write a table without its index; the same table gives the same bytes."""
    with atomic_file(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")


def sha256(path: Path) -> str:
    """Hex digest of one file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of(paths: Iterable[Path], root: Path) -> str:
    """Hex digest over names (relative to `root`) and bytes of several files, in sorted order."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(root).as_posix()}\0{sha256(path)}\n".encode())
    return digest.hexdigest()
