"""One essay with its labels and predictions, read off the finished graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE, END, ESSAYS_FILE, LABEL, START, TEXT
from pipeline.competition.rows import read_rows
from pipeline.competition.schema import ELEMENT_ID, ELEMENT_TEXT, ELEMENT_TYPE, ESSAY_ID
from pipeline.errors import UserError
from pipeline.mistakes import nearest
from pipeline.reserved import ENSEMBLE
from pipeline.tables.columns import Columns
from pipeline.tables.essay_folds import read_folds
from pipeline.tables.predictions import Predictions, mean_over_folds, read_predictions
from pipeline.tables.submission import check_submission, read_order
from pipeline.viewing.parts import Part, Placed, cut, element


@dataclass(frozen=True)
class Seen:
    """An essay to look at: a heading, its whole text in parts, and notes on them, a line each."""

    heading: str
    parts: Sequence[Part]
    notes: Sequence[str] = ()


def look(essay: str, member: str) -> Seen:
    """Read an essay of training or test.

    Args:
      essay: its id.
      member: whose predictions: a member's name, or ENSEMBLE for the blend.

    Raises:
      UserError: no such essay, or the member has no prediction of it.
    """
    known: list[str] = []
    for split in paths.SPLITS:
        essays = Columns(paths.clean(split) / ESSAYS_FILE, [ESSAY_ID, TEXT])
        ids = essays.strings(ESSAY_ID)
        if essay in ids:
            return _seen(split, essay, essays.strings(TEXT)[ids.index(essay)], member)
        known += ids
    raise UserError(f"{paths.CLEAN}: no essay {essay!r}{nearest(essay, known)}")


def parts_of(
    folder: Path, essay: str, text: str, probabilities: dict[str, Float[np.ndarray, " labels"]]
) -> list[Part]:
    """Cut a clean essay into parts.

    Args:
      folder: of the clean tables.
      essay: its id.
      text: its text.
      probabilities: by an element's id.

    Raises:
      UserError: an element of the essay has none.
    """
    names = [ELEMENT_ID, ESSAY_ID, ELEMENT_TYPE, ELEMENT_TEXT, START, END, LABEL]
    table = Columns(folder / ELEMENTS_FILE, names)
    ids, kinds, texts = (table.strings(n) for n in (ELEMENT_ID, ELEMENT_TYPE, ELEMENT_TEXT))
    starts, ends, labels = (table.numbers(name).tolist() for name in (START, END, LABEL))
    placed = []
    for row in (i for i, own in enumerate(table.strings(ESSAY_ID)) if own == essay):
        if ids[row] not in probabilities:
            raise UserError(f"{essay}: no prediction of its {ELEMENT_ID} {ids[row]!r}")
        part = element(texts[row], kinds[row], labels[row], probabilities[ids[row]])
        placed.append(Placed(part, starts[row], ends[row]))
    return list(cut(text, placed))


def mean_loss(parts: Sequence[Part]) -> float | None:
    """Return the mean log loss of an essay's elements; None without labels."""
    losses = [part.loss for part in parts if part.label]
    return float(np.mean(losses)) if losses else None


def _seen(split: str, essay: str, text: str, member: str) -> Seen:
    rows, whence = _predictions(split, member)
    found = dict(zip(rows.element_ids, rows.probabilities, strict=True))
    if split == "train":
        whence = f"held out in fold {read_folds()[essay]}"
    parts = parts_of(paths.clean(split), essay, text, found)
    by = "the blend" if member == ENSEMBLE else member
    loss = mean_loss(parts)
    score = f"by {by}, without labels" if loss is None else f"log loss {loss:.4f} of {by}"
    count = sum(part.kind is not None for part in parts)
    return Seen(f"{essay}: {score}; {count} elements; {split}, {whence}", parts)


def _predictions(split: str, member: str) -> tuple[Predictions, str]:
    """Read a member's predictions of a split; of the test, say whence."""
    if split == "train":
        blend = member == ENSEMBLE
        path = paths.ENSEMBLE / "oof.parquet" if blend else paths.oof(member)
        return read_predictions(path), ""
    if member == ENSEMBLE:
        order = read_order()
        check_submission(paths.SUBMISSION, order)
        values = np.array([row[1:] for row in read_rows(paths.SUBMISSION).fields], float)
        return Predictions(order, np.zeros(len(order), np.int8), values), str(paths.SUBMISSION)
    path = paths.test(member)
    return mean_over_folds(read_predictions(path), path), "mean over folds"
