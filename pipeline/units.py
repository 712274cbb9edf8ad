"""Units of training: a fold of a model under a seed."""

from collections.abc import Sequence
from typing import NamedTuple


class Unit(NamedTuple):
    """One fold, trained under one seed.

    Attributes:
      fold: the one whose essays are held out.
      seed: one of the configuration's further seeds; None: the model's own.
    """

    fold: int
    seed: int | None = None

    @property
    def name(self) -> str:
        """The name of its folder: fold0, or fold0-seed7."""
        return f"fold{self}"

    def __str__(self) -> str:
        return f"{self.fold}" if self.seed is None else f"{self.fold}-seed{self.seed}"


def units(folds: Sequence[int], seeds: Sequence[int]) -> list[Unit]:
    """List every fold under the model's own seed, then under each further one.

    Where there is no time for all of them, the first ones cover every fold.
    """
    return [Unit(fold, seed) for seed in (None, *seeds) for fold in folds]


def by_fold(trained: Sequence[Unit]) -> dict[int, list[Unit]]:
    """Sort units into their folds; both keep their order."""
    sorted_in: dict[int, list[Unit]] = {}
    for unit in trained:
        sorted_in.setdefault(unit.fold, []).append(unit)
    return sorted_in
