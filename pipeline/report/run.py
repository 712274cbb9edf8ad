"""All that the page is about, as the stages before it left it."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE, END, ESSAYS_FILE, START, TEXT
from pipeline.competition.schema import ELEMENT_TEXT, ESSAY_ID
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.tables.columns import Columns
from pipeline.tables.elements import Elements, read_elements
from pipeline.tables.gather import gather_members
from pipeline.tables.predictions import align, read_predictions
from pipeline.units import Unit

Rows = Float[np.ndarray, "rows labels"]


@dataclass(frozen=True)
class Texts:
    """The clean texts of the elements that are reported on, and of all essays.

    Attributes:
      essays: by id.
      elements: in the order of the elements.
      starts, ends: character spans of the elements in their essays; -1 where one was not found.
    """

    essays: Mapping[str, str]
    elements: Sequence[str]
    starts: Int[np.ndarray, " rows"]
    ends: Int[np.ndarray, " rows"]


@dataclass(frozen=True)
class Point:
    """A row of a learning curve."""

    unit: str
    step: int
    epoch: float
    series: str
    loss: float


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
      elements: those of the folds of the configuration.
      texts: theirs.
      blend: held-out probabilities of the ensemble, nested.
      members: each member's out-of-fold probabilities.
      ensemble: the figures that the ensemble wrote.
      curves: by model, the points of all that it was trained in.
      timing: by model and unit, the wall-clock figures that are there.
      validation: what validation found, by split.
    """

    elements: Elements
    texts: Texts
    blend: Rows
    members: Mapping[str, Rows]
    ensemble: Mapping[str, Any]
    curves: Mapping[str, Sequence[Point]]
    timing: Mapping[str, Mapping[str, Mapping[str, Any]]]
    validation: Mapping[str, Any]


def read_run(
    folds: Sequence[int], members: Sequence[str], trained: Mapping[str, Sequence[Unit]]
) -> Run:
    """Read a finished run.

    Args:
      folds: the configuration's.
      members: every member's name.
      trained: the units of each model.

    Raises:
      UserError: a table is missing, or not what it should be.
    """
    labelled = read_elements(folds)
    elements = labelled.of_folds(folds)
    table = paths.ENSEMBLE / "oof.parquet"
    found = gather_members(members, folds, elements)
    return Run(
        elements=elements,
        texts=read_texts(np.isin(labelled.folds, list(folds))),
        blend=align(read_predictions(table), elements.element_ids, table),
        members={name: found[:, m] for m, name in enumerate(members)},
        ensemble=read_json(paths.ENSEMBLE / "weights.json"),
        curves={model: _read_curve(paths.plots(model) / "learning.csv") for model in trained},
        timing={model: _read_timing(model, units) for model, units in trained.items()},
        validation=read_json(paths.CLEAN_REPORT),
    )


def read_texts(covered: Bool[np.ndarray, " labelled"]) -> Texts:
    """Read the texts of some of the labelled elements, and those of all essays.

    Args:
      covered: which elements, in the order of the clean table.
    """
    folder = paths.clean("train")
    rows = Columns(folder / ELEMENTS_FILE, [ELEMENT_TEXT, START, END])
    essays = Columns(folder / ESSAYS_FILE, [ESSAY_ID, TEXT])
    texts = rows.strings(ELEMENT_TEXT)
    return Texts(
        essays=dict(zip(essays.strings(ESSAY_ID), essays.strings(TEXT), strict=True)),
        elements=[texts[i] for i in np.flatnonzero(covered).tolist()],
        starts=rows.numbers(START)[covered].astype(np.int64),
        ends=rows.numbers(END)[covered].astype(np.int64),
    )


def _read_curve(path: Path) -> list[Point]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return [
                Point(
                    row["fold"],
                    int(row["step"]),
                    float(row["epoch"]),
                    row["series"],
                    float(row["loss"]),
                )
                for row in csv.DictReader(stream)
            ]
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None


def _read_timing(model: str, trained: Sequence[Unit]) -> dict[str, dict[str, Any]]:
    """Read the wall-clock figures: the one thing here that is no dependency of the stage.

    A fold that was trained elsewhere may have none.
    """
    files = {unit.title: paths.timing(model, unit) for unit in trained}
    return {title: read_json(path) for title, path in files.items() if path.is_file()}
