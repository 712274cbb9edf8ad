"""Tables of the plots: tidy, small, the same bytes for the same predictions."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline import files, paths
from pipeline.competition.schema import LABELS
from pipeline.evaluation.calibration import reliability
from pipeline.tables.elements import Elements

_DIGITS = 6


def write_plots(
    name: str, elements: Elements, probabilities: Float[np.ndarray, "rows labels"]
) -> None:
    """Write one tidy table for each plot of a prediction, a member's or the blend's."""
    folder = paths.plots(name)
    found = probabilities.argmax(axis=1)
    write_table(
        folder / "confusion.csv",
        ("actual", "predicted"),
        ((LABELS[a], LABELS[p]) for a, p in zip(elements.labels, found, strict=True)),
    )
    write_table(
        folder / "calibration.csv",
        ("model", "bin", "confidence", "accuracy", "low", "high", "count"),
        (
            (name, *_rounded(astuple(one)))
            for one in reliability(elements.labels, probabilities, elements.essay_ids)
        ),
    )


def _rounded(values: Iterable[Any]) -> list[Any]:
    return [round(value, _DIGITS) if isinstance(value, float) else value for value in values]


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table as CSV, whole or not at all."""
    with files.atomic_file(path) as temporary, temporary.open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
