"""A stage ends with the process that started it: a killed `dvc` leaves nobody behind.

Standard library alone, since a stage asks for this before its imports, which take seconds.
"""

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_PAUSE = 0.5  # seconds from one look at the parent to the next
_STARTED_BY_DVC = "DVC_STAGE"  # DVC sets it for every command


def end_with_parent() -> None:
    """Have SIGTERM sent to this process when its parent dies, at once if it is dead already.

    Linux's kernel sends it. Elsewhere a thread looks after the parent and sends it.
    """
    parent = os.getppid()
    if not _kernel_watches():
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    # Both tell of deaths from now on only; the parent may have died before.
    if os.getppid() != parent or _was_adopted():
        os.kill(os.getpid(), signal.SIGTERM)


def _kernel_watches() -> bool:
    """Ask the kernel for the signal; False where it can't be asked."""
    if sys.platform != "linux":
        return False
    return ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) == 0


def _watch(parent: int) -> None:
    """Wait until an orphan's adopter takes the place of `parent`, then send the signal."""
    while os.getppid() == parent:
        time.sleep(_PAUSE)
    os.kill(os.getpid(), signal.SIGTERM)


def _was_adopted() -> bool:
    """True where DVC died before this process could ask the kernel.

    DVC and its stages share a session. The process that adopts an orphan (init, or a supervisor)
    is in another one.
    """
    if _STARTED_BY_DVC not in os.environ:
        return False
    try:
        return os.getsid(os.getppid()) != os.getsid(0)
    except ProcessLookupError:
        return True
