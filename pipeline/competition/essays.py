"""Turn Kaggle's folder into clean tables of elements and essays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import clean_tables, params, paths
from pipeline.competition import checks, schema
from pipeline.competition.clean_split import CleanSplit, RawSplit, clean_split
from pipeline.competition.kaggle_files import locate, missing
from pipeline.competition.oddities import count_oddities
from pipeline.competition.reading import read_essays, read_table
from pipeline.errors import UserError
from pipeline.files import atomic_folder, write_json, write_parquet


@dataclass(frozen=True)
class KaggleFiles:
    """A whole folder in Kaggle's layout, checked."""

    train: RawSplit
    test: RawSplit
    order: pd.Series  # the elements' ids, as the sample of a submission has them


def read_source(folder: Path) -> KaggleFiles:
    """Read and check every file of the competition.

    Args:
      folder: the tables, `train/*.txt`, `test/*.txt` and the sample of a submission, in it or
        in a folder of its own.

    Raises:
      UserError: the first mistake: file, row or id, column, what was found and expected.
    """
    for line in missing(folder):
        raise UserError(line)
    folder = locate(folder)
    train, test = read_split(folder, "train"), read_split(folder, "test")
    train_path, test_path = (folder / schema.TABLES[split] for split in paths.SPLITS)
    checks.check_disjoint(train_path, train.rows, test_path, test.rows)
    path = folder / schema.SAMPLE_SUBMISSION
    submission = read_table(path)
    checks.check_submission(path, submission, test_path, test.rows)
    return KaggleFiles(train, test, submission[schema.ELEMENT_ID])


def read_split(folder: Path, split: str, *, labels: bool = True) -> RawSplit:
    """Read and check the table of one split and its essays.

    Args:
      folder: holds them.
      split: `train` or `test`.
      labels: whether those of `train` count; else a column of labels is as good as none.

    Raises:
      UserError: the first mistake.
    """
    path = folder / schema.TABLES[split]
    rows = read_table(path)
    if not labels:
        rows = rows.drop(columns=schema.LABEL_NAME, errors="ignore")
    unused = checks.check_elements(path, rows, labelled=labels and split == "train")
    essays = read_essays(folder / split)
    checks.check_essays(path, rows, folder / split, essays)
    return RawSplit(rows, essays, unused)


def write_clean(folder: Path, made: CleanSplit) -> None:
    """Write the clean tables of elements and essays."""
    write_parquet(folder / clean_tables.ELEMENTS_FILE, made.elements)
    write_parquet(folder / clean_tables.ESSAYS_FILE, made.essays)


def report(split: RawSplit, made: CleanSplit) -> dict[str, Any]:
    """Count what one split holds, what is odd in it, and what was not found."""
    elements = made.elements
    figures: dict[str, Any] = {
        "essays": len(made.essays),
        "elements": len(elements),
        "types": _counts(elements[schema.ELEMENT_TYPE], schema.TYPES),
        "oddities": count_oddities(split.rows, split.essays),
        "unused_columns": split.unused,
        "not_found": made.not_found[schema.ELEMENT_ID].tolist(),
        "out_of_order": made.out_of_order,
        "told_apart_by_row_order": made.told_apart,
    }
    if schema.LABEL_NAME in split.rows:
        figures["labels"] = _counts(split.rows[schema.LABEL_NAME], schema.LABELS)
    return figures


def _counts(values: pd.Series, names: tuple[str, ...]) -> dict[str, int]:
    return {name: int((values == name).sum()) for name in names}


def validate(folder: Path, cleaning: params.Clean) -> dict[str, Any]:
    """Check Kaggle's files and write the clean tables of both splits, and a report of oddities.

    Args:
      folder: the competition's files.
      cleaning: how texts are cleaned.

    Returns:
      The report, by split.

    Raises:
      UserError: a mistake in the files; then nothing is written.
    """
    source, folder = read_source(folder), locate(folder)
    splits = {"train": source.train, "test": source.test}
    cleaned = {name: clean_split(split, cleaning) for name, split in splits.items()}
    # Both splits are checked before the first is written: a mistake leaves the former tables.
    for name, made in cleaned.items():
        table = folder / schema.TABLES[name]
        checks.check_found(table, folder / name, made.elements, made.not_found)
    figures: dict[str, Any] = {}
    for name, made in cleaned.items():
        figures[name] = report(splits[name], made)
        with atomic_folder(paths.clean(name)) as out:
            write_clean(out, made)
            if name == "test":
                write_parquet(out / clean_tables.ORDER_FILE, source.order.to_frame())
    write_json(paths.CLEAN_REPORT, figures)
    return figures
