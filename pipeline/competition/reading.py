"""Kaggle's files as they are: CSV tables of strings and a folder of essays."""

from pathlib import Path
from typing import Final

import pandas as pd

from pipeline.competition.rows import check_once, read_rows, read_text
from pipeline.errors import UserError

ROW: Final = "row"  # index of a table: 1 for the first row after the header


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV table, every value a string, under an index of row numbers.

    Raises:
      UserError: the file is missing, undecodable, empty, or no rectangular CSV.
    """
    rows = read_rows(path)
    check_once(path, rows.header, rows.header)
    if not rows.fields:
        raise UserError(f"{path}: found no rows below the header, expected at least one")
    index = pd.RangeIndex(1, len(rows.fields) + 1, name=ROW)
    return pd.DataFrame(rows.fields, columns=rows.header, index=index, dtype=str)


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
