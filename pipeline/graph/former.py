"""Files as a commit of git's has them: out of git, DVC's cache or its remote."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UserError, naming
from pipeline.graph.repository import in_one_line

if TYPE_CHECKING:
    from dvc.api import DVCFileSystem


class Former:
    """The project as it was at a commit.

    Attributes:
      name: for messages.
    """

    def __init__(self, revision: str, files: "DVCFileSystem", scratch: Path) -> None:
        self.name, self._files, self._scratch = f"git's {revision}", files, scratch

    def names(self, folder: Path) -> list[str]:
        """List what stood in a folder of outputs; nothing where there was none.

        Raises:
          UserError: its dvc.lock names a folder whose list neither cache nor remote has.
        """
        with _told(self.name, folder):
            try:
                found = self._files.ls(folder.as_posix(), detail=False)
            except FileNotFoundError:
                return []
        return sorted(Path(path).name for path in found)

    @contextlib.contextmanager
    def file(self, path: Path) -> Iterator[Path]:
        """Yield a copy of a file; errors of the block name the file and the commit.

        Args:
          path: relative to the root of the project.

        Raises:
          UserError: the commit has no such file, or neither cache nor remote has it.
          OSError: the system refuses something to DVC.
        """
        copy = self._scratch / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        with _told(self.name, path):
            try:
                self._files.get_file(path.as_posix(), str(copy))
            except FileNotFoundError:
                raise UserError(f"{self.name} has no {path}") from None
        with naming(Path(f"{self.name}: {path}"), copy):
            yield copy


@contextlib.contextmanager
def opened_at(revision: str) -> Iterator[Former]:
    """Open the project as it was at a commit.

    Args:
      revision: of git: HEAD, a branch, a commit's hash.

    Raises:
      UserError: there is no git or no such commit.
    """
    # Here, because it takes a second that other commands need not spend.
    from dvc.api import DVCFileSystem

    with in_one_line(f"git's {revision}"):
        files = DVCFileSystem(rev=revision)
        # It reads the commit when it is first asked, and tells there is none.
        files.exists("dvc.yaml")
    with tempfile.TemporaryDirectory() as scratch:
        yield Former(revision, files, Path(scratch))


@contextlib.contextmanager
def _told(name: str, path: Path) -> Iterator[None]:
    from dvc_data.index import DataIndexDirError

    with in_one_line(name):
        try:
            yield
        except DataIndexDirError:
            raise UserError(
                f"{name} has {path}, but neither DVC's cache nor its remote has it"
            ) from None
