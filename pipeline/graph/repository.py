"""DVC's own view of the project, opened in this process."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UserError
from pipeline.refusals import refusal

if TYPE_CHECKING:
    from dvc.repo import Repo


@contextlib.contextmanager
def opened() -> "Iterator[Repo]":
    """Open the project in DVC.

    Raises:
      UserError: DVC finds a file of its own at fault, or another DVC is at work.
    """
    # Here, because it takes a second that most runs need not spend.
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            yield repo
    except (DvcException, sqlite3.OperationalError) as error:
        # Of its tables in .dvc/tmp, SQLite doesn't say which.
        if refused := refusal(error, Path(".dvc")):
            raise refused from None
        raise UserError(f"dvc: {' '.join(str(error).split())}") from None
