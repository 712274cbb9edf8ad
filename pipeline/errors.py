"""The mistakes that a user can mend, and how a stage reports them."""

import sys
from collections.abc import Callable

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
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except Stopped as stop:
        print(f"stopped: {stop}", file=sys.stderr)
        raise SystemExit(STOPPED) from None
