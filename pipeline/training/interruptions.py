"""When a run has to save and leave: a signal, the end of its session, the death of its parent."""

import ctypes
import os
import signal
import sys
import time
from types import FrameType

from pipeline.params import Session

_PR_SET_PDEATHSIG = 1
SESSION_STARTED = "SESSION_STARTED"  # seconds since the epoch: a session may train many folds


class Interruptions:
    """Watches for reasons to stop; a signal only sets a flag, the loop ends its step first."""

    def __init__(self, session: Session) -> None:
        """Take over SIGTERM and SIGINT, and ask the kernel for SIGTERM when the parent dies.

        Without that a killed `dvc` leaves a trainer behind that nobody waits for.
        """
        self._signal: int | None = None
        self._stop_after = session.stop_after_minutes
        self._started = float(os.environ.get(SESSION_STARTED, time.time()))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._signal = number

    def reason(self) -> str | None:
        """Why to stop now, or None."""
        if self._signal is not None:
            return signal.Signals(self._signal).name
        if self._stop_after and time.time() - self._started >= 60 * self._stop_after:
            return f"session.stop_after_minutes ({self._stop_after:g})"
        return None
