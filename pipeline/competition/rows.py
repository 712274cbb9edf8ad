"""CSV files read strictly, without pandas, whose import takes a second."""

import csv
import difflib
import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import UserError, one_line

csv.field_size_limit(2**31 - 1)


class CsvRows(NamedTuple):
    """A rectangular CSV file: column names, each row's fields, and the line on which it begins."""

    header: list[str]
    fields: list[list[str]]
    lines: list[int]


def read_text(path: Path) -> str:
    """Read UTF-8 text without touching its line ends.

    Raises:
      UserError: the file is missing, or holds bytes that are not UTF-8.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: not found") from None
    except IsADirectoryError:
        raise UserError(f"{path}: found a folder, expected a file") from None
    try:
        # A byte order mark would otherwise become part of the first column's name.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}: line {line}: found byte 0x{data[error.start]:02X}, expected UTF-8"
        ) from None


def read_rows(path: Path) -> CsvRows:
    """Read a CSV file; blank lines are no rows.

    Raises:
      UserError: the file is missing, undecodable, empty, or no rectangular CSV.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    fields: list[list[str]] = []
    lines: list[int] = []
    begins = 1
    try:
        for row in reader:
            if len(row) > 1 or "".join(row).strip():
                if fields and len(row) != len(fields[0]):
                    raise UserError(
                        f"{path}: row {len(fields)} (ends on line {reader.line_num}): "
                        f"found {len(row)} fields, expected {len(fields[0])}"
                    )
                fields.append(row)
                lines.append(begins)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}: line {begins}: not CSV: {error}") from None
    if not fields:
        raise UserError(f"{path}: found no header, expected column names")
    return CsvRows(fields[0], fields[1:], lines[1:])


def check_once(path: Path, found: Sequence[str], columns: Collection[str]) -> None:
    """Check that none of `columns` stands twice.

    Raises:
      UserError: one does.
    """
    twice = sorted({name for name in found if name in columns and found.count(name) > 1})
    if twice:
        raise UserError(f"{path}: found column {twice[0]!r} twice, expected it once")


def check_columns(path: Path, found: Collection[str], expected: Collection[str]) -> list[str]:
    """Check that the expected columns are there; return the others.

    Raises:
      UserError: a column is missing; it names the one that may be meant.
    """
    others = [column for column in found if column not in expected]
    for column in expected:
        if column not in found:
            there = ", ".join(map(one_line, found))
            meant = [name for name in others if _letters(name) == _letters(column)]
            close = meant or difflib.get_close_matches(column, others, n=1)
            hint = f"; is {close[0]!r} meant?" if close else ""
            raise UserError(f"{path}: column {column!r} is missing, found {there}{hint}")
    return others


def _letters(name: str) -> str:
    """Reduce a column's name to its letters and digits, without case."""
    return "".join(filter(str.isalnum, name)).casefold()
