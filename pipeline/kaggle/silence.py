"""Silence for Kaggle's client, thread by thread: others may speak meanwhile."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO, cast

_lock = threading.Lock()
_thread = threading.local()


class _Muted:
    """A stream that drops what silent threads write."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.users = 0

    def write(self, text: str) -> int:
        """Write, or only seem to."""
        return len(text) if getattr(_thread, "silent", 0) else self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Drop what this thread prints on standard output in the block."""
    with _lock:
        if not isinstance(sys.stdout, _Muted):
            sys.stdout = cast(TextIO, _Muted(sys.stdout))
        muted = cast(_Muted, sys.stdout)
        muted.users += 1
    _thread.silent = getattr(_thread, "silent", 0) + 1
    try:
        yield
    finally:
        _thread.silent -= 1
        with _lock:
            muted.users -= 1
            if not muted.users and sys.stdout is muted:
                sys.stdout = muted.stream
