"""A stage's own account."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable

import pytest

from pipeline import progress


@pytest.mark.parametrize("make", [os.openpty, os.pipe], ids=["terminal", "pipe"])
def test_a_run_goes_on_where_nobody_reads_any_more(
    make: Callable[[], tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be about to save: who closes a terminal stops everything that runs in it."""
    ours, theirs = make()
    stream = open(theirs, "w", closefd=False)  # noqa: SIM115
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, stream)
    progress.say("there")
    assert os.read(ours, 7).rstrip() == b"there"
    os.close(ours)
    progress.say("gone")
    progress._Lines().write("\rgone\n")
    monkeypatch.undo()
    with contextlib.suppress(OSError):
        stream.close()
    os.close(theirs)


class Full(io.StringIO):
    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_no_closed_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Full())
    with pytest.raises(OSError, match="No space left"):
        progress.say("lost")
