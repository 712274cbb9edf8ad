"""A lock on a folder that a process holds until it ends, whatever ends it."""

from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

NAME = "lock"
_POLL = 0.5  # seconds


def take(folder: Path, patience: float) -> BaseFileLock | None:
    """Make `folder` and hold it; release what is returned to let go.

    Args:
      folder: whoever held it may have removed it meanwhile, and the lock with it.
      patience: seconds to wait for another process.

    Returns:
      None where another process holds on to it.

    Raises:
      OSError: the folder cannot be made or written to, or its file system knows no locks.
    """
    # Any thread may release it. Without the system's own lock there is none: a file that merely
    # exists would outlive a killed process.
    lock = FileLock(folder / NAME, thread_local=False, fallback_to_soft=False)
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=patience, poll_interval=_POLL)
        except Timeout:
            return None
        except FileNotFoundError:  # the folder is gone again: its holder has just removed it
            continue
        return lock
