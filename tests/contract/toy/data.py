"""The toy competition's files: reviews of lamps, in which a passage is precise if it counts."""

import csv
from pathlib import Path

from tests.contract.toy import schema

THINGS = ("lamp", "shade", "switch", "cable", "stand")


def write(folder: Path, train: int, test: int) -> None:
    """Write so many reviews of each split, three passages each."""
    rows = {
        "train": _split(folder / "train", "k", train),
        "test": _split(folder / "test", "a", test),
    }
    for split, columns in (("train", schema.TRAIN_COLUMNS), ("test", schema.TEST_COLUMNS)):
        _table(folder / schema.TABLES[split], columns, rows[split])
    form = [[row[0], 0.5, 0.5] for row in reversed(rows["test"])]
    _table(folder / schema.SAMPLE_SUBMISSION, schema.SUBMISSION_COLUMNS, form)


def _split(folder: Path, letter: str, reviews: int) -> list[list[str]]:
    folder.mkdir(parents=True)
    rows = []
    for i in range(reviews):
        name, passages = f"{letter}{i}", []
        for j, kind in enumerate(schema.TYPES):
            thing, precise = THINGS[(i + j) % len(THINGS)], (i + j) % 2
            passages.append(
                f"The {thing} broke {i + 2} times." if precise else f"The {thing} is so-so, I say."
            )
            rows.append([f"{name}.{j}", name, passages[-1], kind, schema.LABELS[precise]])
        (folder / f"{name}.txt").write_text("I bought it.\n\n" + "\n\n".join(passages))
    return rows


def _table(path: Path, columns: tuple[str, ...], rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(columns)
        table.writerows(row[: len(columns)] for row in rows)
