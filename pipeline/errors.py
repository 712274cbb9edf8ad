"""The mistakes that a user can mend, and how a stage reports them."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

STOPPED = 75  # EX_TEMPFAIL of sysexits.h: run the same command again


def one_line(text: str) -> str:
    """Write what a terminal would not show as a letter as Python writes it: a break as \\n.

    Names of files and keys of tables are anybody's, line breaks and terminals' commands included.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class UserError(Exception):
    """A mistake in files, parameters or set-up; its text is the one line that the user sees.

    The text names where it is (file, row or id, column), what was found and what was expected.
    """

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class Stopped(Exception):  # noqa: N818 - it is no error
    """A run that saved its state and left early, as it was asked to; its text says how to go on."""


def exit_with_message(main: Callable[[], None]) -> None:
    """Run a stage; what a user can mend becomes one line on standard error, without a traceback."""
    try:
        main()
    except UserError as error:
        print(one_line(f"error: {error}"), file=sys.stderr)
        raise SystemExit(1) from None
    except Stopped as stop:
        print(one_line(f"stopped: {stop}"), file=sys.stderr)
        raise SystemExit(STOPPED) from None


def one_line(text: str) -> str:
    """Escape what is not printable: ends of lines, a terminal's commands, half a surrogate pair.

    Names in a message are a stranger's (an id, a file, a token), and may hold any of them.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@contextlib.contextmanager
def naming(temporary: Path, name: Path | str) -> Iterator[None]:
    """Give the errors of a block a user's own name in place of a folder that will be gone."""
    try:
        yield
    except UserError as error:
        error.args = (str(error).replace(str(temporary), str(name)),)
        raise
    except OSError as error:
        if isinstance(error.filename, str):
            error.filename = error.filename.replace(str(temporary), str(name))
        raise
