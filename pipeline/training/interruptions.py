"""Reasons for a run to save and leave: a signal (a dying parent sends one) or its session's end."""

import os
import signal
import time
from types import FrameType

from pipeline.params import Session

SESSION_STARTED = "SESSION_STARTED"  # seconds since the epoch: a session may train many folds
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the last one: its terminal was closed


class Interruptions:
    """A watch for reasons to stop; a signal only sets a flag, so the loop ends its step first."""

    def __init__(self, session: Session) -> None:
        """Take over the signals, but for those that the run was started to ignore (`nohup`)."""
        self._signal: int | None = None
        self._asked: str | None = None
        self._stop_after = session.stop_after_minutes
        self._started = float(os.environ.get(SESSION_STARTED, time.time()))
        for number in SIGNALS:
            # `nohup` starts a run with SIGHUP ignored, and it has to stay so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._signal = number

    def stop(self, reason: str) -> None:
        """Ask whatever runs under this watch to save and leave."""
        self._asked = reason

    def reason(self) -> str | None:
        """Return the reason to stop now, or None."""
        if self._asked is not None:
            return self._asked
        if self._signal is not None:
            return signal.Signals(self._signal).name
        if self._stop_after and time.time() - self._started >= 60 * self._stop_after:
            return f"session.stop_after_minutes ({self._stop_after:g})"
        return None
