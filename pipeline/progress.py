"""Progress of long work: a bar on a terminal, plain lines in a log."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def bar(total: int, unit: str, description: str, initial: int = 0) -> "tqdm[None]":
    """A bar with rate and time left; off a terminal it prints a line every half minute or so."""
    terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=initial,
        unit=unit,
        desc=description,
        dynamic_ncols=terminal,
        mininterval=0.2 if terminal else 30.0,
        maxinterval=10.0 if terminal else 60.0,
        ascii=not terminal,
        leave=not terminal,
        unit_scale=False,
    )


def track(items: Iterable[T], total: int, unit: str, description: str) -> Iterator[T]:
    """Yield `items` while a bar counts them."""
    with bar(total, unit, description) as progress:
        for item in items:
            yield item
            progress.update(1)


def say(line: str) -> None:
    """Print one line of a stage's own account at once."""
    print(line, flush=True)
