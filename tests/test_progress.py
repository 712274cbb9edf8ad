"""Bars and lines share a terminal: each line stands whole, and no bar is left behind."""

import contextlib
import errno
import io
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest

from pipeline import progress
from pipeline.progress import bar, say, track
from tests.terminal import Terminal, screen


class Streams:
    """Standard output and standard error on terminals, one for both or one for each.

    To be made by the test itself: pytest changes the streams between a fixture and its test.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, apart: bool) -> None:
        self.terminals = [Terminal(), Terminal()] if apart else [Terminal()]
        first, last = self.terminals[0], self.terminals[-1]
        self.streams = [first.stream, last.stream if apart else last.another_stream()]
        monkeypatch.setattr(sys, "stdout", self.streams[0])
        monkeypatch.setattr(sys, "stderr", self.streams[1])

    def written(self) -> list[str]:
        """What each terminal got, once all is over."""
        assert [sys.stdout, sys.stderr] == self.streams, "the streams are as they were"
        return [terminal.close(*self.streams) for terminal in self.terminals]


TERMINALS = pytest.mark.parametrize("apart", [False, True], ids=["one terminal", "two terminals"])


def _hold(streams: Streams, out: list[str], err: list[str]) -> None:
    """Hold the screens to the lines that were written, in their order where there is but one."""
    written = streams.written()
    assert "step" in written[-1], "there was a bar"
    if len(written) == 1:
        assert sorted(screen(written[0])) == sorted(out + err)
        assert [line for line in screen(written[0]) if line in out] == out
    else:
        assert [screen(text) for text in written] == [out, err]


def _train(lines: list[str]) -> Iterator[None]:
    """A training loop's bar with a further one inside, and a line said after each step."""
    with bar(len(lines), "step", "train@tiny-0") as progress:
        for line in lines:
            progress.refresh()
            for _ in track(range(3), 3, "batch", "train@tiny-0 held-out"):
                yield
            say(line)
            progress.update(1)
            progress.refresh()


@TERMINALS
def test_said_lines_stand_whole(apart: bool, monkeypatch: pytest.MonkeyPatch):
    streams = Streams(monkeypatch, apart)
    lines = [f"train@tiny-0: step {step} of 88, log loss 0.9{step}12" for step in (11, 22, 33)]
    lines[1] = "short"
    for _ in _train(lines):
        pass
    _hold(streams, lines, [])


@TERMINALS
def test_lines_said_inside_the_inner_bar_stand_whole(apart: bool, monkeypatch: pytest.MonkeyPatch):
    streams = Streams(monkeypatch, apart)
    for number, _ in enumerate(_train(["one", "two"])):
        say(f"batch {number}")
    _hold(
        streams,
        ["batch 0", "batch 1", "batch 2", "one", "batch 3", "batch 4", "batch 5", "two"],
        [],
    )


@TERMINALS
def test_what_libraries_print_log_and_warn_stands_whole(
    apart: bool, monkeypatch: pytest.MonkeyPatch
):
    streams = Streams(monkeypatch, apart)
    early = logging.StreamHandler()  # as libraries make theirs when they are imported
    logger = logging.Logger("library")
    logger.addHandler(early)
    monkeypatch.setitem(logging.root.manager.loggerDict, "library", logger)
    follower = logging.Logger("follower")
    follower.addHandler(logging._StderrHandler())  # type: ignore[attr-defined]
    monkeypatch.setitem(logging.root.manager.loggerDict, "follower", follower)
    monkeypatch.setattr(warnings, "showwarning", _show)
    with bar(2, "step", "train@tiny-0") as progress:
        progress.refresh()
        logger.warning("logged by a handler of its own")
        follower.warning("logged to the present standard error")
        print("printed", "to standard error", file=sys.stderr)
        print("in ", end="")
        progress.refresh()
        print("two parts")
        warnings.warn("warned of", stacklevel=1)
        progress.update(1)
    assert early.stream is streams.streams[1]
    err = [
        "logged by a handler of its own",
        "logged to the present standard error",
        "printed to standard error",
        "UserWarning: warned of",
    ]
    _hold(streams, ["in two parts"], err)


def _show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """As Python's own, without the place in a file."""
    print(f"{category.__name__}: {message}", file=sys.stderr)


@TERMINALS
def test_a_line_without_an_end_is_not_lost(apart: bool, monkeypatch: pytest.MonkeyPatch):
    streams = Streams(monkeypatch, apart)
    with bar(1, "step", "train@tiny-0") as progress:
        print("no end", end="")
        progress.refresh()
    _hold(streams, ["no end"], [])


@TERMINALS
def test_after_an_error_the_terminal_is_clean(apart: bool, monkeypatch: pytest.MonkeyPatch):
    streams = Streams(monkeypatch, apart)

    def fail() -> None:
        with bar(2, "step", "train@tiny-0"):
            for _ in track(range(2), 2, "batch", "held-out"):
                raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    print("error: it failed", file=sys.stderr)
    _hold(streams, [], ["error: it failed"])


@TERMINALS
def test_lines_of_another_thread_stand_whole(apart: bool, monkeypatch: pytest.MonkeyPatch):
    streams = Streams(monkeypatch, apart)
    lines = [f"thread line {number}" for number in range(20)]
    thread = threading.Thread(target=lambda: [say(line) for line in lines])
    with bar(200, "step", "train@tiny-0") as progress:
        thread.start()
        for _ in range(50):
            progress.update(1)
            progress.refresh()
        thread.join()
    _hold(streams, lines, [])


def _side_by_side(folds: int, steps: int) -> list[str]:
    """Bars of as many threads as folds in one view, with a line of each; return the lines."""
    all_there = threading.Barrier(folds)

    def fold(number: int) -> None:
        name = f"train@tiny-{number}"
        with bar(steps, "step", name) as progress:
            all_there.wait()
            for _ in range(steps):
                progress.update(1)
                progress.refresh()
            say(f"{name}: half way")
            for _ in track(range(3), 3, "batch", f"{name} held-out"):
                progress.refresh()
            all_there.wait()

    with progress.view():
        threads = [threading.Thread(target=fold, args=(number,)) for number in range(folds)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [f"train@tiny-{number}: half way" for number in range(folds)]


@TERMINALS
def test_folds_at_once_have_a_line_each(apart: bool, monkeypatch: pytest.MonkeyPatch):
    """All are there at the same time, one under the other, and none is left at the end."""
    streams = Streams(monkeypatch, apart)
    lines = _side_by_side(folds=3, steps=20)
    written = streams.written()
    seen = [line for text in written for line in screen(text)]
    assert sorted(seen) == lines
    text = written[-1]
    moments = (screen(text[:length]) for length in range(0, len(text), 97))
    bars = {f"train@tiny-{number}: " for number in range(3)}
    assert any(
        bars == {bar for bar in bars if any(line.startswith(bar) and "%|" in line for line in seen)}
        for seen in moments
    )


@TERMINALS
def test_what_follows_bars_begins_a_line(apart: bool, monkeypatch: pytest.MonkeyPatch):
    """In whichever order they close."""
    streams = Streams(monkeypatch, apart)
    with progress.view():
        upper, lower = bar(2, "step", "train@tiny-0"), bar(2, "step", "train@tiny-1")
        for one in (upper, lower):
            one.__enter__().refresh()
        for one in (upper, lower):
            one.__exit__(None, None, None)
    print("stopped: saved", file=sys.stderr)
    _hold(streams, [], ["stopped: saved"])


def test_off_a_terminal_folds_at_once_move_no_cursor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    lines = _side_by_side(folds=3, steps=5)
    out, err = capsys.readouterr()
    assert sorted(out.splitlines()) == lines
    assert re.search(r"^train@tiny-2: 5 of 5 steps, ", err, re.M)
    assert "\x1b" not in err
    assert "\n\n" not in err


def test_off_a_terminal_there_are_plain_lines(capsys: pytest.CaptureFixture[str]):
    with bar(2, "step", "train@tiny-0") as progress:
        progress.delay = 0.0
        say("said")
        progress.update(1)
        progress.set_postfix_str("loss 0.9", refresh=False)
        progress.refresh()
    out, err = capsys.readouterr()
    assert out == "said\n"
    assert err.startswith("train@tiny-0: 1 of 2 steps, ")
    assert err.count("\n") == 1
    assert "\r" not in err


def test_beside_a_pipe_there_is_no_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """With `| tee log` the lines come to the same terminal by another way, at any moment."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    for _ in _train(["one", "two"]):
        pass
    assert "%|" not in terminal.close()
    assert capsys.readouterr().out == "one\ntwo\n"


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


def test_a_terminal_that_is_closed_under_a_bar_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    stream = open(theirs, "w", closefd=False)  # noqa: SIM115
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, stream)
    with bar(3, "step", "train") as shown:
        shown.update(1)
        os.close(ours)
        progress.say("gone")
        shown.update(1)
        shown.refresh()
    monkeypatch.undo()
    with contextlib.suppress(OSError):
        stream.close()
    os.close(theirs)
