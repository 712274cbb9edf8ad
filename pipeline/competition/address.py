"""The competition's name in Kaggle's addresses (apart from the schema, on which stages depend)."""

from typing import Final

COMPETITION: Final = "feedback-prize-effectiveness"
