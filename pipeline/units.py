"""Units of training: a fold of a model under a seed, or all essays under one."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

NAMES = r"(?:fold(\d+)|full)(?:-seed(\d+))?"
"""A pattern of `Unit.name`."""

NO_FOLD = -1
"""The fold of what belongs to none: a full fit, or someone else's test predictions."""


class Unit(NamedTuple):
    """One fold, trained under one seed; or a full fit, which trains on every essay.

    Attributes:
      fold: the one whose essays are held out; NO_FOLD: a full fit.
      seed: one of the configuration's further seeds; None: the model's own.
    """

    fold: int
    seed: int | None = None

    @property
    def full(self) -> bool:
        """True of a full fit."""
        return self.fold == NO_FOLD

    @property
    def name(self) -> str:
        """The name of its folder: fold0, fold0-seed7, full, or full-seed7."""
        return f"{self}" if self.full else f"fold{self}"

    @property
    def title(self) -> str:
        """The name in messages: fold 0, fold 0-seed7, full, or full-seed7."""
        return f"{self}" if self.full else f"fold {self}"

    @property
    def settings(self) -> dict[str, Any]:
        """The fold and the seed as files note them."""
        return {
            **({"full": True} if self.full else {"fold": self.fold}),
            **({} if self.seed is None else {"seed": self.seed}),
        }

    def __str__(self) -> str:
        fold = "full" if self.full else f"{self.fold}"
        return fold if self.seed is None else f"{fold}-seed{self.seed}"


def unit_of(name: str) -> Unit | None:
    """Read a unit off its name; None where it is none."""
    found = re.fullmatch(NAMES, name)
    if found is None:
        return None
    fold, seed = (None if digits is None else int(digits) for digits in found.groups())
    return Unit(NO_FOLD if fold is None else fold, seed)


def units(folds: Sequence[int], seeds: Sequence[int], *, full: bool = False) -> list[Unit]:
    """List every fold under the model's own seed, then under each further one.

    Where there is no time for all of them, the first ones cover every fold.

    Args:
      folds, seeds: the configuration's.
      full: whether full fits go with the folds, after those of the same seed.
    """
    trained = [*folds, NO_FOLD] if full else folds
    return [Unit(fold, seed) for seed in (None, *seeds) for fold in trained]


def predicting(trained: Iterable[Unit], *, full_alone: bool) -> list[Unit]:
    """Take the units that predict a test: all of them, or the full fits alone."""
    return [unit for unit in trained if unit.full or not full_alone]


def by_fold(trained: Sequence[Unit]) -> dict[int, list[Unit]]:
    """Sort units into their folds; both keep their order."""
    sorted_in: dict[int, list[Unit]] = {}
    for unit in trained:
        sorted_in.setdefault(unit.fold, []).append(unit)
    return sorted_in
