"""An essay's text cut into its elements and what stands between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pipeline.competition.schema import LABELS, TYPES
from pipeline.metrics import row_losses


@dataclass(frozen=True)
class Part:
    """A stretch of an essay's text: an element, or what stands between two.

    Attributes:
      text: as the essay has it.
      kind: the place of the element's type in the schema; None between elements.
      label: as a word; empty where there is none.
      predicted: as a word.
      probabilities: of each label.
      loss: the element's; 0 without a label.
      suspect: the label that a suspect one seems to be, or an empty text.
    """

    text: str
    kind: int | None = None
    label: str = ""
    predicted: str = ""
    probabilities: tuple[float, ...] = ()
    loss: float = 0.0
    suspect: str = ""

    @property
    def type(self) -> str:
        """The element's type."""
        return "" if self.kind is None else TYPES[self.kind]


@dataclass(frozen=True)
class Placed:
    """An element with its own text, and its characters in the essay; -1 where it was not found."""

    part: Part
    start: int
    end: int


def element(
    text: str,
    kind: str,
    label: int,
    probabilities: Float[np.ndarray, " labels"],
    suspect: str = "",
) -> Part:
    """Make an element's part.

    Args:
      text: its own.
      kind: its type, as a word.
      label: an index into the schema's; -1 where there is none.
      probabilities: of each label.
      suspect: as of `Part`.
    """
    labelled = label >= 0
    loss = row_losses(np.array([label]), probabilities[None])[0] if labelled else 0.0
    return Part(
        text=text.strip(),
        kind=TYPES.index(kind),
        label=LABELS[label] if labelled else "",
        predicted=LABELS[probabilities.argmax()],
        probabilities=tuple(probabilities.tolist()),
        loss=float(loss),
        suspect=suspect,
    )


def cut(text: str, elements: Sequence[Placed]) -> Iterable[Part]:
    """Yield a whole text in order, then the elements that were not found in it.

    Elements that overlap give way to the one that begins first; one that lies within another has
    its own text once more.
    """
    done = 0
    found = [one for one in elements if one.start >= 0]
    for one in sorted(found, key=lambda one: one.start):
        start = max(one.start, done)
        if between := text[done:start].strip():
            yield Part(between)
        yield replace(one.part, text=text[start : one.end].strip() or one.part.text)
        done = max(done, one.end)
    if rest := text[done:].strip():
        yield Part(rest)
    yield from (one.part for one in elements if one.start < 0)
