"""Records of code that a graph was built on, and the check that it is still the same."""

from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import read_json, write_json
from pipeline.graph import code_hash


def write_record(path: Path, name: str) -> None:
    """Record the present code of a stage or a network."""
    write_json(path, {"code": name, "sha256": code_hash.of(name)})


def check(path: Path, name: str, command: str) -> None:
    """Hold a record to the present code.

    Args:
      path: of the record.
      name: of the stage or network that it has to be of.
      command: brings it up to date.

    Raises:
      UserError: the record is missing, or the code is another by now.
    """
    if not path.is_file():
        raise UserError(f"{path}: not found; run {command}")
    record = read_json(path)
    if record.get("code") != name or record.get("sha256") != code_hash.of(name):
        raise UserError(f"{path}: the code has changed since; run {command}")
