"""Tables of one JSON object a line, which git keeps: read, checked, added to."""

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import UserError
from pipeline.files import write_text

T = TypeVar("T")


def read(path: Path, kind: type[T]) -> list[T]:
    """Read a table; one that is not there has no lines.

    Args:
      path: of the table.
      kind: the dataclass of a line.

    Raises:
      UserError: a line is none of that kind.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    known = TypeAdapter(kind)
    found: list[T] = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(known.validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            raise UserError(
                f"{path}: line {number}: {key + ': ' if key else ''}{first['msg'].lower()}"
            ) from None
    return found


def write(path: Path, lines: list[Any]) -> None:
    """Write a whole table.

    Written anew rather than appended to: a kill leaves no half line in a file that git keeps.
    """
    write_text(path, "".join(json.dumps(dataclasses.asdict(line)) + "\n" for line in lines))
