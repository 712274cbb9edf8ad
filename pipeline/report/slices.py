"""The blend's figures over parts of the elements: folds, types, labels, places, lengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from pipeline.competition.schema import LABELS, TYPES
from pipeline.evaluation.evaluate import scores
from pipeline.report.run import Rows, Texts
from pipeline.tables.elements import Elements

_PARTS = 5  # of a length, about equal in elements
# The first place of each group in the essay; the groups are open towards the next.
_PLACES = (1, 2, 3, 5, 8, 12)


@dataclass(frozen=True)
class Slice:
    """Figures of some elements, with an interval by a bootstrap over essays.

    One essay alone has no interval.
    """

    name: str
    elements: int
    essays: int
    log_loss: float
    low: float | None
    high: float | None
    accuracy: float


@dataclass(frozen=True)
class Group:
    """All elements, cut up in one way.

    Attributes:
      name: the name of the way.
      parts: in their own order.
    """

    name: str
    parts: Sequence[Slice]


def groups(elements: Elements, texts: Texts, probabilities: Rows) -> list[Group]:
    """Cut the elements up in every way, and judge each part.

    Args:
      elements: those that are predicted.
      texts: theirs.
      probabilities: of the elements.
    """
    made = []
    for name, names, index in ways(elements, texts):
        used = [(part, index == i) for i, part in enumerate(names) if (index == i).any()]
        parts = [slice_of(part, elements, probabilities, mask) for part, mask in used]
        made.append(Group(name, parts))
    return made


def slice_of(name: str, elements: Elements, probabilities: Rows, mask: np.ndarray) -> Slice:
    """Judge the elements of a mask."""
    own = elements.select(mask)
    found = scores(own, probabilities[mask])
    essays = len(set(own.essay_ids))
    low, high = found["log_loss_interval"] if essays > 1 else (None, None)
    return Slice(
        name=name,
        elements=len(own),
        essays=essays,
        log_loss=found["log_loss"],
        low=low,
        high=high,
        accuracy=found["accuracy"],
    )


def ways(
    elements: Elements, texts: Texts
) -> Iterator[tuple[str, Sequence[str], Int[np.ndarray, " rows"]]]:
    """Yield each way's name, the names of its parts, and the part of each element."""
    folds = np.unique(elements.folds)
    yield "fold", [f"fold {fold}" for fold in folds], np.searchsorted(folds, elements.folds)
    yield "type", TYPES, np.array([TYPES.index(kind) for kind in elements.types])
    yield "label", LABELS, elements.labels
    yield "place in the essay", *_by_place(places(elements.essay_ids))
    words = np.array([len(text.split()) for text in texts.elements])
    yield "words of the element", *_by_length(words)
    of_essays = {essay: len(texts.essays[essay].split()) for essay in set(elements.essay_ids)}
    yield (
        "words of the essay",
        *_by_length(np.array([of_essays[essay] for essay in elements.essay_ids])),
    )


def places(essays: Sequence[str]) -> Int[np.ndarray, " rows"]:
    """Count each element's place among those of its essay, from 1, in the order of the table."""
    seen: dict[str, int] = {}
    found = np.empty(len(essays), np.int64)
    for i, essay in enumerate(essays):
        found[i] = seen[essay] = seen.get(essay, 0) + 1
    return found


def _by_place(
    place: Int[np.ndarray, " rows"],
) -> tuple[list[str], Int[np.ndarray, " rows"]]:
    last = [after - 1 for after in _PLACES[1:]]
    names = [_span(a, b) for a, b in zip(_PLACES, last, strict=False)]
    return [*names, f"{_PLACES[-1]} and later"], np.searchsorted(_PLACES, place, side="right") - 1


def _by_length(
    lengths: Int[np.ndarray, " rows"],
) -> tuple[list[str], Int[np.ndarray, " rows"]]:
    """Cut where equal shares of the elements end; equal lengths stay together."""
    cuts = np.quantile(lengths, np.arange(1, _PARTS) / _PARTS, method="lower")
    cuts = np.unique(cuts[cuts < lengths.max(initial=0)])
    index = np.searchsorted(cuts, lengths, side="left")
    spans = [lengths[index == i] for i in range(len(cuts) + 1)]
    names = [_span(int(own.min()), int(own.max())) if len(own) else "" for own in spans]
    return names, index


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"
