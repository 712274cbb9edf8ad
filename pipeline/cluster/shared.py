"""The folder that all nodes see: checkpoints, and DVC's remote where the project has none."""

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.graph.repository import in_one_line, opened
from pipeline.progress import say
from pipeline.refusals import reason

LOCAL = Path(".cache/spread")  # for a cluster on this machine alone
REMOTE = "spread"


def place(named: str | None, address: str | None) -> Path:
    """Return the shared folder, made where it is not there.

    Args:
      named: by the user.
      address: of the cluster; None for one on this machine.

    Raises:
      UserError: a cluster's has to be named, or it can't be made.
    """
    if address and not named:
        raise UserError(
            "SHARED: expected a folder that every node sees at the same path (NFS, a mounted "
            "bucket); checkpoints lie there, and DVC's remote where the project has none"
        )
    folder = Path(named or LOCAL).expanduser().absolute()
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"SHARED: {folder}: {reason(error)}") from None
    return folder


@contextlib.contextmanager
def marked(folder: Path) -> Iterator[str]:
    """Put a file into the folder while there is work; yield its name, by which nodes know it."""
    mark = folder / f".mark-{secrets.token_hex(8)}"
    mark.touch()
    try:
        yield mark.name
    finally:
        mark.unlink(missing_ok=True)


def settings(folder: Path) -> dict[str, Any]:
    """Return DVC's settings for the nodes: its remote, without what opens it.

    Where the project has no default remote, or has the one that was made here before, it gets one
    in the folder, in .dvc/config.local.
    """
    with opened() as repo:
        name: str | None = repo.config["core"].get("remote")
    if name in (None, REMOTE):
        name = REMOTE
        _add_remote(folder / "remote")
    with opened() as repo:
        url = str(repo.config["remote"][name]["url"])
    return {"core": {"no_scm": True, "remote": name}, "remote": {name: {"url": url}}}


def fetch(stages: Iterable[str]) -> None:
    """Fetch outputs of stages as dvc.lock has them; those that the remote lacks stay missing."""
    from dvc.exceptions import DvcException

    with opened() as repo:
        for stage in stages:
            with contextlib.suppress(DvcException):
                repo.fetch([stage])


def _add_remote(url: Path) -> None:
    from dvc.config import Config

    wanted = {"url": str(url)}
    config: Any = Config(str(Path(".dvc").absolute()))
    with in_one_line(), config.edit("local") as local:
        if local.get("remote", {}).get(REMOTE) == wanted and "remote" in local.get("core", {}):
            return
        local.setdefault("remote", {})[REMOTE] = wanted
        local.setdefault("core", {})["remote"] = REMOTE
    say(f"dvc remote {REMOTE}: {url}, the default one of this checkout (.dvc/config.local)")
