"""An output as a commit of git's names it, out of DVC's cache or its remote."""

from pathlib import Path

from pipeline.errors import UserError


def fetch(output: Path, revision: str, into: Path) -> None:
    """Copy a file of an output as it was at a commit.

    Args:
      output: the file, relative to the root of the project.
      revision: of git: HEAD, a branch, a commit's hash.
      into: the file to write.

    Raises:
      UserError: there is no git or no such commit, its dvc.lock doesn't name the output, or neither
        cache nor remote has it.
    """
    # Here, because they take a second that other commands need not spend.
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexDirError
    from scmrepo.exceptions import SCMError

    try:
        DVCFileSystem(rev=revision).get_file(output.as_posix(), str(into))
    except DataIndexDirError:
        raise UserError(
            f"git's {revision} has {output}, but neither DVC's cache nor its remote has it"
        ) from None
    except (DvcException, SCMError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"git's {revision} has no {output}: {reason}") from None
