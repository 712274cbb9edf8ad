"""An output as a commit of git's names it, out of DVC's cache or its remote."""

from pathlib import Path

from pipeline.errors import UserError
from pipeline.graph.repository import in_one_line


def fetch(output: Path, revision: str, into: Path) -> None:
    """Copy a file of an output as it was at a commit.

    Args:
      output: the file, relative to the root of the project.
      revision: of git: HEAD, a branch, a commit's hash.
      into: the file to write.

    Raises:
      UserError: there is no git or no such commit, its dvc.lock doesn't name the output, or neither
        cache nor remote has it.
      OSError: the system refuses something to DVC.
    """
    # Here, because they take a second that other commands need not spend.
    from dvc.api import DVCFileSystem
    from dvc_data.index import DataIndexDirError

    with in_one_line(f"git's {revision}"):
        try:
            DVCFileSystem(rev=revision).get_file(output.as_posix(), str(into))
        except DataIndexDirError:
            raise UserError(
                f"git's {revision} has {output}, but neither DVC's cache nor its remote has it"
            ) from None
        except FileNotFoundError:
            raise UserError(f"git's {revision} has no {output}") from None
