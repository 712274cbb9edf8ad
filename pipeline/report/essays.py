"""The essays that are worth a look, each as its own text cut into elements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import xlogy

from pipeline.competition.schema import LABELS
from pipeline.metrics import row_losses
from pipeline.report.noise import Suspects
from pipeline.report.run import Rows, Run, Texts
from pipeline.tables.elements import Elements
from pipeline.viewing.parts import Part, Placed, cut, element

SHOWN = 8
"""Essays of each kind: their texts are most of the page."""


@dataclass(frozen=True)
class Essay:
    """An essay to look at, with the reason.

    Attributes:
      name: its id.
      fold: the one that it is held out in.
      reason: the figure that it was chosen by.
      parts: its whole text in order, then elements that were not found in it.
    """

    name: str
    fold: int
    reason: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Shelf:
    """Essays chosen for one reason."""

    name: str
    explanation: str
    essays: Sequence[Essay]


def shelves(run: Run, found: Suspects) -> list[Shelf]:
    """Choose the worst essays, the most uncertain, and those of the label-noise suspects."""
    elements, labels = run.elements, run.elements.labels
    losses = row_losses(labels, run.blend)
    entropies = -xlogy(run.blend, run.blend).sum(axis=1)
    instead = dict(zip(found.rows.tolist(), found.instead.tolist(), strict=True))
    view = _View(elements, run.texts, run.blend, instead)
    return [
        Shelf(
            "The worst",
            "Highest mean log loss of an essay's elements.",
            [view.essay(e, f"log loss {mean:.4f}") for e, mean in _highest(elements, losses)],
        ),
        Shelf(
            "The most uncertain",
            f"Highest mean entropy of the prediction; {np.log(len(LABELS)):.2f} is knowing "
            "nothing.",
            [view.essay(e, f"entropy {mean:.4f}") for e, mean in _highest(elements, entropies)],
        ),
        Shelf(
            "Labels to doubt",
            "Confident learning (Northcutt et al. 2021): the labelled class gets less probability "
            "than it gets on average where it is given, and another class gets more than that. "
            f"{len(found.rows):,} of {len(elements):,} elements; the most extreme of them:",
            [view.essay(e, reason) for e, reason in _suspected(elements, found, run.blend)],
        ),
    ]


def read_essay(
    elements: Elements, texts: Texts, probabilities: Rows, name: str, reason: str
) -> Essay:
    """Lay out one essay, predicted by `probabilities`."""
    return _View(elements, texts, probabilities, {}).essay(name, reason)


@dataclass(frozen=True)
class _View:
    elements: Elements
    texts: Texts
    probabilities: Rows
    instead: dict[int, int]

    def essay(self, name: str, reason: str) -> Essay:
        rows = [i for i, essay in enumerate(self.elements.essay_ids) if essay == name]
        text = self.texts.essays[name]
        parts = cut(text, [self._placed(row) for row in rows])
        return Essay(name, int(self.elements.folds[rows[0]]), reason, list(parts))

    def _placed(self, row: int) -> Placed:
        part = element(
            text=self.texts.elements[row],
            kind=self.elements.types[row],
            label=int(self.elements.labels[row]),
            probabilities=self.probabilities[row],
            suspect=LABELS[self.instead[row]] if row in self.instead else "",
        )
        return Placed(part, int(self.texts.starts[row]), int(self.texts.ends[row]))


def _highest(elements: Elements, values: Float[np.ndarray, " rows"]) -> list[tuple[str, float]]:
    """Return the essays with the highest means of a value over their elements."""
    essays, index = np.unique(np.asarray(elements.essay_ids, str), return_inverse=True)
    means = np.bincount(index, weights=values) / np.bincount(index)
    best: Int[np.ndarray, " essays"] = np.argsort(-means, kind="stable")[:SHOWN]
    return [(str(essays[i]), float(means[i])) for i in best]


def _suspected(
    elements: Elements, found: Suspects, probabilities: Rows
) -> Iterable[tuple[str, str]]:
    """Yield the essays of the most extreme suspects, once each, and the worst suspect of each."""
    seen: set[str] = set()
    for row, instead in zip(found.rows.tolist(), found.instead.tolist(), strict=True):
        essay = elements.essay_ids[row]
        if essay in seen or len(seen) == SHOWN:
            continue
        seen.add(essay)
        given, other = elements.labels[row], instead
        yield (
            essay,
            f"{elements.types[row]} labelled {LABELS[given]} "
            f"({probabilities[row, given]:.2f}), seems {LABELS[other]} "
            f"({probabilities[row, other]:.2f})",
        )
