"""A time limit for each answer of Kaggle's, for which its client would wait for ever."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter

_SEND = HTTPAdapter.send
_CONNECT = 30.0  # seconds for a connection, and for a piece of an upload to be taken


_lock = threading.Lock()
_thread = threading.local()
_users = 0


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Set a time limit on every request of this thread in the block that has none of its own.

    The client opens sessions in several places, uploads have theirs; all of them end in the
    adapter of requests, which is changed for as long as any thread is in such a block.

    Args:
      seconds: without a byte, at any point of a request. A transfer as a whole may take longer.
    """
    global _users
    with _lock:
        _users += 1
        HTTPAdapter.send = _limited_send  # pyright: ignore[reportAttributeAccessIssue]
    before = getattr(_thread, "limit", None)
    _thread.limit = (min(seconds, _CONNECT), seconds)
    try:
        yield
    finally:
        _thread.limit = before
        with _lock:
            _users -= 1
            if not _users:
                HTTPAdapter.send = _SEND


def _limited_send(
    self: HTTPAdapter, request: requests.PreparedRequest, **options: Any
) -> requests.Response:
    limit = getattr(_thread, "limit", None)
    if limit is not None:
        options["timeout"] = options.get("timeout") or limit
        # After a silence an upload's adapter would send the whole file once more, ten times over.
        # The client does better: it asks the storage how much of it has arrived.
        self.max_retries = self.max_retries.new(read=False)
    return _SEND(self, request, **options)
