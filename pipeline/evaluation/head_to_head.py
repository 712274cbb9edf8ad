"""Two sides on the same essays: figures, the paired difference, a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
      lacking: a line for each side that lacks folds of the other.
      elements, essays: their counts.
      a, b: the sides.
      paired: the one's losses less the other's.
    """

    folds: list[int]
    lacking: list[str]
    elements: int
    essays: int
    a: Figure
    b: Figure
    paired: Paired

    @property
    def lines(self) -> list[str]:
        """The comparison as a terminal shows it; the last line is the verdict."""
        width = max(len(self.a.name), len(self.b.name))
        return [
            f"{_folds(self.folds)}: {self.elements:,} elements of {self.essays:,} essays, paired "
            "by essay; intervals hold 95 %",
            f"smallest difference that it can see: {self.paired.smallest:.4f} (power "
            f"{100 * POWER:.0f} %; another seed's luck comes on top)",
            *self.lacking,
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
    lacking = [
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
    return judge(elements, *sides, lacking=lacking)


def judge(
    elements: Elements,
    a: tuple[str, Probabilities],
    b: tuple[str, Probabilities],
    lacking: Sequence[str] = (),
) -> HeadToHead:
    """Compare two predictions of the same elements.

    Args:
      elements: what both predict.
      a: the name and the probabilities of the side that the verdict is on.
      b: those of the one that it is held against.
      lacking: lines for the head.
    """
    labels, essays = elements.labels, elements.essay_ids
    losses = [row_losses(labels, probabilities) for _, probabilities in (a, b)]
    own, other = (
        Figure(name, float(loss.mean()), *interval(loss, essays))
        for (name, _), loss in zip((a, b), losses, strict=True)
    )
    return HeadToHead(
        folds=np.unique(elements.folds).tolist(),
        lacking=list(lacking),
        elements=len(elements),
        essays=len(set(essays)),
        a=own,
        b=other,
        paired=paired(losses[0] - losses[1], essays),
    )


def _folds(folds: list[int]) -> str:
    return f"fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}"
