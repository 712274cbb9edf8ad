"""The one exception for mistakes that a user can mend, and how a stage reports it."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """A mistake in files, parameters or set-up; its text is the one line that the user sees.

    The text names where it is (file, row or id, column), what was found and what was expected.
    """


def exit_with_message(main: Callable[[], None]) -> None:
    """Run a stage; a `UserError` becomes one line on standard error and exit status 1."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
