"""All folds of a recipe at once, one a core, against one after another over all cores.

`make folds` gives each fold one core, with all rows of a step on it and nothing to exchange. `dvc
repro` trains fold by fold, each over all cores. Compared is the modelled time of an epoch's steps
of all folds: without compilation, held-out evaluation, checkpoints, or the host's part.

Steps of an epoch are reckoned from Kaggle's training essays and the tokens that BERT's tokenizer
makes of them, context that windows share apart: an encoder with another tokenizer has some more or
less, which moves both times alike.
"""

import dataclasses
import math
from dataclasses import dataclass

from pipeline.params import Rows
from tpu_check.measure import Case, Row, measure

ESSAYS, ELEMENTS = 4191, 36765
TOKENS = 494
"""Of an essay."""
FILL = 0.98
"""Share of a packed row that is tokens."""


@dataclass(frozen=True)
class Folds:
    """What is compared.

    Attributes:
      shared: the train step of one fold over all cores.
      count: folds.
    """

    shared: Case
    count: int

    @property
    def steps(self) -> int:
        """Steps of an epoch of one fold."""
        return math.ceil((1 - 1 / self.count) * rows(self.shared.rows) / self.shared.rows.per_step)


def rows(shape: Rows) -> float:
    """Rows that all essays take: as full of tokens as they get, or of elements."""
    return max(ESSAYS * TOKENS / (FILL * shape.length), ELEMENTS / shape.slots)


@dataclass(frozen=True)
class Compared:
    """What came out.

    Attributes:
      folds: the case.
      shared: the step over all cores.
      alone: the step on one core, with the recipe's own accumulation.
      fitting: the same, or where it doesn't fit, with the least accumulation that does.
    """

    folds: Folds
    shared: Row
    alone: Row
    fitting: Row

    @property
    def rounds(self) -> int:
        """Rounds that all folds take, one a core."""
        return math.ceil(self.folds.count / self.folds.shared.cores)

    @property
    def in_turn(self) -> float:
        """Seconds of an epoch of all folds, one after another over all cores; NaN if unknown."""
        return self.folds.count * self.folds.steps * seconds(self.shared)

    @property
    def at_once(self) -> float:
        """Seconds of an epoch of all folds, one a core; NaN if unknown."""
        return self.rounds * self.folds.steps * seconds(self.fitting)

    @property
    def full(self) -> float:
        """Times the training an hour with a fold on every core."""
        return self.folds.shared.cores * seconds(self.shared) / seconds(self.fitting)


def seconds(row: Row) -> float:
    """Modelled seconds of a step; NaN where it doesn't fit."""
    return row.timing.compiler if row.timing is not None and row.fits else math.nan


def compare(folds: Folds) -> Compared:
    """Compile both steps; on one core with as much accumulation as it takes to fit."""
    shared = measure(folds.shared)
    alone = fitting = measure(dataclasses.replace(folds.shared, alone=True))
    for parts in _finer(alone.case):
        if fitting.fits:
            break
        train = dataclasses.replace(alone.case.train, accumulation=parts)
        fitting = measure(dataclasses.replace(alone.case, train=train))
    return Compared(folds, shared, alone, fitting)


def _finer(case: Case) -> list[int]:
    """Further accumulations into which the rows of a step divide, from few parts to many."""
    own, total = case.train.accumulation, case.rows.per_step
    return [parts for parts in range(own + 1, total + 1) if total % parts == 0]
