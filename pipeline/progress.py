"""Progress of long work: a bar on a terminal, plain lines in a log."""

import errno
import io
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")


class _Lines(io.TextIOBase):
    """Turns a bar's carriage returns into lines of their own."""

    def write(self, text: str) -> int:
        line = text.strip("\r\n ")
        if line:
            _print(line, sys.stderr)
        return len(text)


def bar(total: int, unit: str, description: str, initial: int = 0) -> "tqdm[Any]":
    """A bar with rate and time left; off a terminal, a line every half minute or so."""
    if sys.stderr.isatty():
        return tqdm(
            total=total, initial=initial, unit=unit, desc=description, dynamic_ncols=True,
            leave=False,
        )  # fmt: skip
    return tqdm(
        total=total,
        initial=initial,
        unit=unit,
        desc=description,
        file=_Lines(),
        mininterval=30.0,
        maxinterval=60.0,
        delay=15.0,  # what is quick says what it made, and nothing on the way
        bar_format="{desc}: {n_fmt} of {total_fmt} {unit}s, {rate_fmt}{postfix}, {remaining} left",
        leave=False,
    )


def track(items: Iterable[T], total: int, unit: str, description: str) -> Iterator[T]:
    """Yield `items` while a bar counts them."""
    with bar(total, unit, description) as progress:
        for item in items:
            yield item
            progress.update(1)


def say(line: str) -> None:
    """Print one line of a stage's own account at once."""
    _print(line, sys.stdout)


def _print(line: str, stream: TextIO) -> None:
    """Print a line at once; it is lost where a closed terminal or an ended pipe reads no more."""
    try:
        print(line, file=stream, flush=True)
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE):
            raise
