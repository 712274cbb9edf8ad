"""A time limit for each answer of Kaggle's, for which its client would wait for ever."""

import contextlib
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter

_CONNECT = 30.0  # seconds for a connection, and for a piece of an upload to be taken


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Set a time limit on every request in the block that has none of its own.

    The client opens sessions in several places, uploads have theirs; all of them end in the
    adapter of requests, which is changed for the time of the block.

    Args:
      seconds: without a byte, at any point of a request. A transfer as a whole may take longer.
    """
    send = HTTPAdapter.send
    limit = (min(seconds, _CONNECT), seconds)

    def limited_send(
        self: HTTPAdapter, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        options["timeout"] = options.get("timeout") or limit
        # After a silence an upload's adapter would send the whole file once more, ten times over.
        # The client does better: it asks the storage how much of it has arrived.
        self.max_retries = self.max_retries.new(read=False)
        return send(self, request, **options)

    HTTPAdapter.send = limited_send  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        HTTPAdapter.send = send
