"""The mistakes that a user can mend, and how a stage reports them."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from pipeline.refusals import can_be_told, explain, refusal

STOPPED = 75  # EX_TEMPFAIL of sysexits.h: run the same command again


class UserError(Exception):
    """A mistake in files, parameters or set-up; its text is the one line that the user sees.

    The text names where it is (file, row or id, column), what was found and what was expected.
    """

    @property
    def lines(self) -> tuple[str, ...]:
        """The text, or a line for each of several mistakes."""
        return (str(self),)


class Stopped(Exception):  # noqa: N818 - it is no error
    """A run that saved its state and left early, as it was asked to; its text says how to go on."""


def exit_with_message(main: Callable[[], None]) -> None:
    """Run a stage; what a user can mend becomes a line on standard error, no traceback."""
    try:
        main()
    except UserError as error:
        _end(*(f"error: {line}" for line in error.lines))
    except Stopped as stop:
        _end(f"stopped: {stop}", status=STOPPED)
    except Exception as error:
        refused = refusal(error)
        # Any other error is a bug, and the traceback says where.
        if refused is None or not can_be_told(refused):
            raise
        _end(f"error: {explain(refused)}")


def complain(line: str) -> None:
    """Print one line on standard error."""
    print(one_line(line), file=sys.stderr)


def _end(*lines: str, status: int = 1) -> NoReturn:
    for line in lines:
        complain(line)
    raise SystemExit(status) from None


def one_line(text: str) -> str:
    """Escape what is not printable: ends of lines, a terminal's commands, half a surrogate pair.

    Names in a message are a stranger's (an id, a file, a token), and may hold any of them.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@contextlib.contextmanager
def naming(path: Path, temporary: Path) -> Iterator[None]:
    """Let errors of the block name a file of the user's.

    Args:
      path: named where the system refuses something without a name.
      temporary: of what stands in for `path` and is gone by the time that the error is read; the
        name of what lies in it becomes that in `path`.

    Raises:
      OSError: in place of a library's own error, where the system refused something.
    """

    def theirs(text: str) -> str:
        return text.replace(os.fspath(temporary), os.fspath(path))

    try:
        yield
    except UserError as error:
        error.args = (theirs(str(error)),)
        raise
    except Exception as error:
        refused = refusal(error, path)
        if refused is None:
            raise
        if refused.filename:
            refused.filename = theirs(refused.filename)
        raise refused from error
