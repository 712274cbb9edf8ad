"""The threads that save checkpoints, kept from telling of a full disk in hundreds of lines.

What the system refuses to a save ends the run by its own error, in one line. Orbax logs it besides
in each of its threads, asyncio once for each array, and TensorStore's threads run into a loop of
asyncio that is closed by then.
"""

import functools
import logging
import sys

from pipeline.refusals import refusal

_LOGGERS = ("absl", "asyncio")
_CLOSED = "Event loop is closed"


@functools.cache
def tell_once() -> None:
    """Leave out of this process's log what the system refuses to a background thread.

    For good: asyncio tells of an error when the last one who holds its task lets go.
    """
    hook = sys.unraisablehook

    def without_closed_loops(unraisable: "sys.UnraisableHookArgs") -> None:
        if str(unraisable.exc_value) != _CLOSED:
            hook(unraisable)

    sys.unraisablehook = without_closed_loops
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Tell whether a line of the log is of something else than a refusal."""
    error = record.exc_info[1] if record.exc_info else None
    return refusal(error or Exception(record.getMessage())) is None
