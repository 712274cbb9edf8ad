"""Refusals of the system to any program (a permission, room on a disk), as a line for its user."""

import errno
import os
import re
from pathlib import Path

# What the system may refuse to any program: what was found, and what mends it.
_REFUSALS = {
    errno.ENOENT: "not found",
    errno.EACCES: "permission denied; this user needs the right to it and to its folder",
    errno.EPERM: "not permitted; this user or this file system may not do it",
    errno.EROFS: "a read-only file system; write elsewhere, or mount it for writing",
    errno.ELOOP: "a circle of symbolic links; expected one that ends at a file or folder",
    errno.ENAMETOOLONG: "name too long; expected at most 255 bytes between slashes",
    errno.EISDIR: "found a folder, expected a file",
    errno.ENOTDIR: "found a file in this path, expected a folder",
    errno.EEXIST: "is there already; move it away",
    errno.ENOTEMPTY: "found a folder that is not empty, expected none; move it away",
    errno.ENOSPC: "disk full; make room and run the same command again",
    errno.EDQUOT: "disk quota used up; make room and run the same command again",
    errno.EFBIG: "file too large for its file system, or for `ulimit -f`",
    errno.EMFILE: "too many open files; raise the limit by `ulimit -n`",
    errno.ENFILE: "too many open files on this machine; end what holds them",
    errno.ENOLCK: "no lock to be had; expected a file system that knows locks",
    errno.EBUSY: "in use by another program, or mounted; end it and run the same command again",
    errno.EIO: "input/output error; look after the disk, or the connection to it",
    errno.ENOTCONN: "its drive is no longer connected; mount it again",
    errno.ESTALE: "its network drive has changed meanwhile; mount it again",
}
# A file's name or not, they come of a call that was wrong.
_BUGS = (errno.EINVAL, errno.EBADF)
_OF_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
# An open file, or the next one, may meet these, and then the system gives no name.
_WITHOUT_A_NAME = (*_OF_WRITING, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EMFILE,
                   errno.ENFILE, errno.ENOLCK)  # fmt: skip
# Arrow, libraries in Rust and TensorStore each put the number into the text of an error of their
# own.
_NUMBER = re.compile(r"(?:\[errno |\(os error |\bos_error_code=')(\d+)", re.IGNORECASE)

# Of DVC's own tables. SQLite adds more words, such as SQLITE_IOERR_WRITE.
_SQLITE = {
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_IOERR": errno.EIO,
    "SQLITE_READONLY": errno.EROFS,
    "SQLITE_CANTOPEN": errno.EACCES,
}


def can_be_told(refused: OSError) -> bool:
    """Tell whether the line of a refusal says enough: it names a file, or it never has one."""
    return bool(refused.filename) or refused.errno in _WITHOUT_A_NAME


def refusal(error: BaseException, path: Path | None = None) -> OSError | None:
    """Find what the system refused behind an error, also where a library wraps it.

    Args:
      error: of any kind.
      path: named where the error has no name.

    Returns:
      None for what is no refusal of the system.
    """
    found: BaseException | None = error
    while found is not None:
        told = _NUMBER.search(str(found))
        number = int(told[1]) if told else _of_sqlite(found)
        if isinstance(found, OSError) and found.errno:
            number = found.errno
        own = _name(found)
        # A stranger's number counts only with the name of a file: it may be a connection's.
        if number in _REFUSALS or (number and own and number not in _BUGS):
            name = own or (path and os.fspath(path))
            return OSError(number, os.strerror(number), name)
        found = found.__cause__
    return None


def _of_sqlite(error: BaseException) -> int:
    """Return the system's number for an error of SQLite; 0 for any other error."""
    name = getattr(error, "sqlite_errorname", "")
    return next((number for word, number in _SQLITE.items() if name.startswith(word)), 0)


def explain(refused: OSError) -> str:
    """Say in one line where the system refused, what it found, and what mends it."""
    said = reason(refused)
    return f"{refused.filename}: {said}" if refused.filename else said


def reason(error: OSError) -> str:
    """Say what the system found and what mends it, without the name of the file."""
    told = error.strerror or str(error)
    return _REFUSALS.get(error.errno or 0) or told[:1].lower() + told[1:]


def _name(error: BaseException) -> str | None:
    """Return the name of the file; None where there is only a number, or none."""
    if not isinstance(error, OSError):
        return None
    # A copy names its source first, whatever was wrong with its target.
    written = error.filename2 if error.errno in _OF_WRITING else None
    name = written or error.filename
    if isinstance(name, bytes):
        return os.fsdecode(name)
    return name if isinstance(name, str) else None
