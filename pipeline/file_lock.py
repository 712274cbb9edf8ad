"""A lock on a folder that a process holds until it ends, whatever ends it."""

import fcntl
import os
import time
from pathlib import Path
from typing import TextIO

NAME = "lock"


def take(folder: Path, patience: float) -> TextIO | None:
    """Make `folder` and hold it; close what is returned to let go.

    Args:
      folder: whoever held it may have removed it meanwhile, and the lock with it.
      patience: seconds to wait for another process.

    Returns:
      None where another process holds on to it.

    Raises:
      OSError: the folder cannot be made or written to.
    """
    until = time.monotonic() + patience
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / NAME).open("a")
        try:
            # The kernel lets go of it when the process ends, even by SIGKILL.
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The former holder may have removed the folder since `open`. This lock would then be
            # on a file that nobody else can find.
            if os.path.samestat(os.fstat(stream.fileno()), (folder / NAME).stat()):
                return stream
        except BlockingIOError:
            if time.monotonic() > until:
                stream.close()
                return None
            time.sleep(0.5)
        except FileNotFoundError:
            pass
        stream.close()
