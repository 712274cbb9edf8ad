"""A hand-written folder in Kaggle's layout, for tests to break in one place each."""

import csv
from pathlib import Path

TRAIN = [
    ["discourse_id", "essay_id", "discourse_text", "discourse_type", "discourse_effectiveness"],
    ["t1", "A", "Boats are slow. ", "Position", "Adequate"],
    ["t2", "A", "They wait for tides.\n", "Claim", "Effective"],
    ["t3", "B", " Trams ring.", "Lead", "Ineffective"],
    ["t4", "B", "Trams ring. ", "Claim", "Adequate"],
]
TEST = [
    ["discourse_id", "essay_id", "discourse_text", "discourse_type"],
    ["u1", "C", "Kites fly. ", "Claim"],
    ["u2", "C", "So do letters. ", "Concluding Statement"],
]
SUBMISSION = [
    ["discourse_id", "Ineffective", "Adequate", "Effective"],
    ["u2", "1", "1", "1"],
    ["u1", "1", "1", "1"],
]
TEXTS = {
    "train/A": "Boats are slow. Truly!\n\nThey wait for tides.",
    "train/B": "Trams ring. Trams\nring.\n",
    "test/C": "Kites fly. So do letters.",
}


def copy(rows: list[list[str]]) -> list[list[str]]:
    return [list(row) for row in rows]


def save(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


def write(folder: Path) -> Path:
    """Write the whole folder."""
    for name, text in TEXTS.items():
        path = folder / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    save(folder / "train.csv", TRAIN)
    save(folder / "test.csv", TEST)
    save(folder / "sample_submission.csv", SUBMISSION)
    return folder


def edit(folder: Path, name: str, row: int, column: str, value: str) -> None:
    """Set one value of a table; row 1 is the first below the header."""
    path = folder / name
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    rows[row][rows[0].index(column)] = value
    save(path, rows)


def add_column(folder: Path, name: str, column: str, values: list[str]) -> None:
    """Append a column to a table."""
    path = folder / name
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    save(path, [[*row, value] for row, value in zip(rows, [column, *values], strict=True)])


def drop_column(folder: Path, name: str, column: str) -> None:
    """Remove a column from a table."""
    path = folder / name
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    place = rows[0].index(column)
    save(path, [row[:place] + row[place + 1 :] for row in rows])
