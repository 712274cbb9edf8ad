"""A stage ends with the process that started it: a killed `dvc` leaves nobody behind.

Standard library alone, since a stage asks for this before its imports, which take seconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_STARTED_BY_DVC = "DVC_STAGE"  # DVC sets it for every command


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies; take it at once if it is dead already.

    Only Linux can be asked; elsewhere training looks after its parent itself.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # The kernel tells of deaths from now on only; the parent may have died before it was asked.
    if os.getppid() != parent or _was_adopted():
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
