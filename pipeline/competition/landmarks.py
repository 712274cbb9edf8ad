"""Landmarks of the competition: the scores of others, for scale; nothing is held to them.

The private leaderboard is over essays that no run here sees, and a loss out of fold is over the
competition's training essays, so the two compare in size, not to the last digit.
"""

from typing import Final, NamedTuple

from pipeline.competition.address import COMPETITION

NOTED: Final = "2026-11"
"""The month in which the table was noted down."""

SOURCE: Final = f"https://www.kaggle.com/competitions/{COMPETITION}/leaderboard"
"""The final leaderboard; what it doesn't have stands in the authors' own write-ups there."""


class Landmark(NamedTuple):
    """One result of somebody, or of nobody: class shares.

    Attributes:
      name: whose it is.
      log_loss: the figure.
      where: the essays that it is over.
    """

    name: str
    log_loss: float
    where: str


_PRIVATE, _FOLDS = "private leaderboard", "out of fold, 36,765 elements"

LANDMARKS: Final = (
    Landmark("gold, about (first place's final blend)", 0.554, _PRIVATE),
    Landmark("second place, final blend", 0.55453, _PRIVATE),
    Landmark("24th place, blend and trees", 0.573, _PRIVATE),
    Landmark("class priors by type", 0.958, _FOLDS),
    Landmark("class priors", 0.974, _FOLDS),
)
