"""DVC's own view of the project, opened in this process."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError
from pipeline.graph.lock_repair import LOCK
from pipeline.refusals import refusal

if TYPE_CHECKING:
    from dvc.repo import Repo

# DVC colours some of its errors, terminal or not.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@contextlib.contextmanager
def opened(config: Mapping[str, Any] | None = None) -> "Iterator[Repo]":
    """Open the project in DVC.

    Args:
      config: settings over those of the project's own, in DVC's sections.

    Raises:
      UserError: DVC finds a file of its own at fault, or another DVC is at work.
      OSError: the system refuses something to DVC.
    """
    # Here, because it takes a second that most runs need not spend.
    from dvc.repo import Repo

    with in_one_line(), Repo(config=dict(config or {})) as repo:
        yield repo


@contextlib.contextmanager
def in_one_line(where: str = "dvc") -> Iterator[None]:
    """Turn the errors of DVC, of git behind it and of its tables into lines for a user.

    Args:
      where: a line begins with it.

    Raises:
      UserError: DVC finds something at fault, or another DVC is at work.
      OSError: the system refuses something to DVC.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from scmrepo.exceptions import SCMError

    try:
        yield
    except LockError:
        raise UserError(f"{LOCK}: another dvc is at work; wait for it") from None
    except (DvcException, SCMError, sqlite3.OperationalError) as error:
        # Of its tables in .dvc/tmp, SQLite doesn't say which.
        if refused := refusal(error, Path(".dvc")):
            raise refused from None
        said = " ".join(_COLOUR.sub("", str(error)).split())
        raise UserError(f"{where}: {said or type(error).__name__}") from None
