"""Progress of long work: a bar on a terminal, plain lines in a log."""

import contextlib
import errno
import io
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO, TypeVar, cast

from tqdm import tqdm

from pipeline.errors import one_line

T = TypeVar("T")

# Seconds before a log hears of a bar: what is quick says what it made, and nothing on the way.
_DELAY = 15.0


class _Lines(io.TextIOBase):
    """Turns a bar's carriage returns into lines of their own."""

    def write(self, text: str) -> int:
        line = text.strip("\r\n ")
        if line:
            _send(f"{line}\n", sys.stderr)
        return len(text)


class _AboveBars:
    """A stream whose text goes above the bars of a terminal, in whole lines."""

    def __init__(self, stream: TextIO, terminal: TextIO) -> None:
        self.stream, self._terminal, self._begun = stream, terminal, ""

    def write(self, text: str) -> int:
        """Write the lines that are whole; keep the last one until it is."""
        with tqdm.get_lock():
            whole, end, self._begun = (self._begun + text).rpartition("\n")
            if end:
                with tqdm.external_write_mode(file=self._terminal):
                    _send(whole + end, self.stream)
        return len(text)

    def finish(self) -> None:
        """Write what has no end of line; the bars are gone."""
        _send(self._begun, self.stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def bar(total: int, unit: str, description: str, initial: int = 0) -> "Iterator[tqdm[Any]]":
    """A bar with rate and time left; off a terminal, a line every half minute or so.

    Where one of the two streams is no terminal the other may still show it, as with `| tee log`:
    its lines then come at any moment and by another way, so there is no bar for them to hit.
    """
    if _on_terminal():
        with (
            _lines_above() as terminal,
            tqdm(
                total=total,
                initial=initial,
                unit=unit,
                desc=description,
                file=terminal,
                dynamic_ncols=True,
                leave=False,
            ) as progress,
        ):
            yield progress
        return
    units = f"{unit}es" if unit.endswith("ch") else f"{unit}s"
    with tqdm(
        total=total,
        initial=initial,
        unit=unit,
        desc=description,
        file=_Lines(),
        position=0,  # lines have no place: else those of threads are led by moves of the cursor
        mininterval=30.0,
        maxinterval=60.0,
        delay=_DELAY,
        bar_format=(
            f"{{desc}}: {{n_fmt}} of {{total_fmt}} {units}, {{rate_fmt}}{{postfix}}, "
            "{remaining} left"
        ),
        leave=False,
    ) as progress:
        yield progress


@contextlib.contextmanager
def view() -> Iterator[None]:
    """Hold a terminal for the bars of several threads: one line each, what they say above them.

    A bar by itself takes the terminal and gives it back, which threads would do in any order.
    """
    if not _on_terminal():
        yield
        return
    with _lines_above() as terminal:
        try:
            yield
        finally:
            # The bar that closes last leaves the cursor where it was, unless it is the first one.
            _send("\r", terminal)


@contextlib.contextmanager
def _lines_above() -> Iterator[TextIO]:
    """While there are bars, send what is printed, warned or logged above them.

    Yields:
      Standard error itself, for the bar.
    """
    if isinstance(sys.stderr, _AboveBars):  # a bar within another's
        yield sys.stderr.stream
        return
    terminal = sys.stderr
    above = {stream: _AboveBars(stream, terminal) for stream in (sys.stdout, terminal)}
    try:
        with (
            contextlib.redirect_stdout(cast(TextIO, above[sys.stdout])),
            contextlib.redirect_stderr(cast(TextIO, above[terminal])),
            _logged_to(above),
        ):
            yield terminal
    finally:
        for stream in above.values():
            stream.finish()


@contextlib.contextmanager
def _logged_to(above: Mapping[TextIO, _AboveBars]) -> Iterator[None]:
    """Turn handlers to other streams; most keep the stream that there was when they were made."""
    kept = [(handler, handler.stream) for handler in _handlers() if handler.stream in above]
    for handler, stream in kept:
        handler.setStream(above[stream])
    try:
        yield
    finally:
        for handler, stream in kept:
            handler.setStream(stream)


def _handlers() -> "Iterator[logging.StreamHandler[Any]]":
    """The handlers of every logger that write to a stream."""
    for logger in [logging.root, *logging.root.manager.loggerDict.values()]:
        for handler in getattr(logger, "handlers", ()):  # a placeholder has none
            if isinstance(handler, logging.StreamHandler):
                yield handler


def _on_terminal() -> bool:
    return sys.stdout.isatty() and sys.stderr.isatty()


def track(items: Iterable[T], total: int, unit: str, description: str) -> Iterator[T]:
    """Yield `items` while a bar counts them."""
    with bar(total, unit, description) as progress:
        for item in items:
            yield item
            progress.update(1)


def say(line: str) -> None:
    """Print one line of a stage's own account at once."""
    _send(f"{one_line(line)}\n", sys.stdout)


def _send(text: str, stream: TextIO) -> None:
    """Write at once; what a closed terminal or an ended pipe doesn't read any more is lost."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE):
            name = "standard error" if stream is sys.stderr else "standard output"
            raise OSError(error.errno, error.strerror, name) from None
