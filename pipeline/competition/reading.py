"""Kaggle's files as they are: CSV tables of strings and a folder of essays."""

import csv
import io
from pathlib import Path
from typing import Final

import pandas as pd

from pipeline.errors import UserError

ROW: Final = "row"  # index of a table: 1 for the first row after the header

csv.field_size_limit(2**31 - 1)


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
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}: line {line}: found byte 0x{data[error.start]:02X}, expected UTF-8"
        ) from None


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV table, every value a string, under an index of row numbers.

    Raises:
      UserError: the file is missing, undecodable, empty, or no rectangular CSV.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows: list[list[str]] = []
    try:
        for fields in reader:
            if not fields:  # a blank line
                continue
            if rows and len(fields) != len(rows[0]):
                raise UserError(
                    f"{path}: row {len(rows)} (ends on line {reader.line_num}): "
                    f"found {len(fields)} fields, expected {len(rows[0])}"
                )
            rows.append(fields)
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: not CSV: {error}") from None
    if not rows:
        raise UserError(f"{path}: found no header, expected column names")
    twice = sorted({name for name in rows[0] if rows[0].count(name) > 1})
    if twice:
        raise UserError(f"{path}: found column {twice[0]!r} twice, expected it once")
    if len(rows) == 1:
        raise UserError(f"{path}: found no rows below the header, expected at least one")
    index = pd.RangeIndex(1, len(rows), name=ROW)
    return pd.DataFrame(rows[1:], columns=rows[0], index=index, dtype=str)


def read_essays(folder: Path) -> dict[str, str]:
    """Read every text file of a folder by its name without `.txt`.

    Raises:
      UserError: the folder is missing, or a text is empty or undecodable.
    """
    essays: dict[str, str] = {}
    for path in sorted(folder.glob("*.txt")):
        essays[path.stem] = read_text(path)
        if not essays[path.stem].strip():
            raise UserError(f"{path}: found an empty text, expected an essay")
    return essays
