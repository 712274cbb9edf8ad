"""Two sides on the same essays: figures, the paired difference, a verdict."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.evaluation.comparison import POWER, Paired, interval, paired
from pipeline.evaluation.sides import Probabilities, Tables
from pipeline.metrics import row_losses
from pipeline.tables.elements import Elements


@dataclass(frozen=True)
class Figure:
    """One side's log loss, with the interval that holds it at 95 %."""

    name: str
    log_loss: float
    low: float
    high: float


@dataclass(frozen=True)
class HeadToHead:
    """A comparison of two sides.

    Attributes:
      folds: those that both sides have.
      notes: lines on what makes the sides unlike: folds that one lacks, numbers of seeds.
      elements, essays: their counts.
      a, b: the sides.
      paired: the one's losses less the other's.
      rows: what both predict.
      probabilities: of the rows, by A and by B.
    """

    folds: list[int]
    notes: list[str]
    elements: int
    essays: int
    a: Figure
    b: Figure
    paired: Paired
    rows: Elements
    probabilities: tuple[Probabilities, Probabilities]

    @property
    def differences(self) -> Float[np.ndarray, " rows"]:
        """Each row's log loss by A less that by B."""
        one, other = (row_losses(self.rows.labels, found) for found in self.probabilities)
        return one - other

    @property
    def lines(self) -> list[str]:
        """The comparison as a terminal shows it; the last line is the verdict."""
        width = max(len(self.a.name), len(self.b.name))
        return [
            f"{_folds(self.folds)}: {self.elements:,} elements of {self.essays:,} essays, paired "
            "by essay; intervals hold 95 %",
            f"smallest difference that it can see: {self.paired.smallest:.4f} (power "
            f"{100 * POWER:.0f} %; another seed's luck comes on top)",
            *self.notes,
            *(
                f"  {letter}  {side.name:<{width}}  {side.log_loss:.4f}  "
                f"({side.low:.4f} to {side.high:.4f})"
                for letter, side in (("A", self.a), ("B", self.b))
            ),
            self.verdict,
        ]

    @property
    def verdict(self) -> str:
        """The line that a comparison ends in."""
        found = self.paired
        return (
            f"A - B  {found.difference:+.4f} ({found.low:+.4f} to {found.high:+.4f}): "
            f"{found.verdict}"
        )


def compare(a: Tables, b: Tables, labelled: Elements, fold: int | None = None) -> HeadToHead:
    """Compare two sides on the folds that both have.

    Args:
      a: the side that the verdict is on.
      b: the one that it is held against.
      labelled: all labelled elements, with their folds.
      fold: the only one to look at; None for all.

    Raises:
      UserError: no fold is in both, a table is damaged, or has other elements.
    """
    has = [set(side.folds) & (set(side.folds) if fold is None else {fold}) for side in (a, b)]
    folds = sorted(has[0] & has[1])
    notes = [
        f"{letter} {side.side} has no {_folds(sorted(others - theirs))}"
        for letter, side, theirs, others in (("A", a, *has), ("B", b, *reversed(has)))
        if others - theirs
    ]
    if not folds:
        wanted = "in common" if fold is None else f"{fold} in both"
        raise UserError(
            f"expected a fold {wanted}: A {a.side} has {a.folds or 'none'}, "
            f"B {b.side} has {b.folds or 'none'}"
        )
    elements = labelled.of_folds(folds)
    sides = [(str(side.side), side.gather(elements)) for side in (a, b)]
    return judge(elements, *sides, notes=[*notes, *_seeds(a, b, folds)])


def _seeds(a: Tables, b: Tables, folds: Collection[int]) -> Iterator[str]:
    """Say that one of two models is a mean over more seeds, which lowers its loss by itself."""
    one, other = a.seeds(folds), b.seeds(folds)
    if one is not None and other is not None and one != other:
        yield f"A {a.side} is the mean of {_count(one)}, B {b.side} of {_count(other)}"


def _count(seeds: int) -> str:
    return f"{seeds} seed{'s' if seeds > 1 else ''}"


def judge(
    elements: Elements,
    a: tuple[str, Probabilities],
    b: tuple[str, Probabilities],
    notes: Sequence[str] = (),
) -> HeadToHead:
    """Compare two predictions of the same elements.

    Args:
      elements: what both predict.
      a: the name and the probabilities of the side that the verdict is on.
      b: those of the one that it is held against.
      notes: lines for the head.
    """
    labels, essays = elements.labels, elements.essay_ids
    losses = [row_losses(labels, probabilities) for _, probabilities in (a, b)]
    own, other = (
        Figure(name, float(loss.mean()), *interval(loss, essays))
        for (name, _), loss in zip((a, b), losses, strict=True)
    )
    return HeadToHead(
        folds=np.unique(elements.folds).tolist(),
        notes=list(notes),
        elements=len(elements),
        essays=len(set(essays)),
        a=own,
        b=other,
        paired=paired(losses[0] - losses[1], essays),
        rows=elements,
        probabilities=(a[1], b[1]),
    )


def _folds(folds: list[int]) -> str:
    return f"fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}"
