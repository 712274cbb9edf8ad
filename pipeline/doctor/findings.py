"""A finding of the doctor, and the findings that a stage's own check gives."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.errors import UserError


@dataclass(frozen=True)
class Finding:
    """A line for the user: a mistake and its remedy, or a note that stops nothing."""

    text: str
    error: bool = True


def lines_of(check: Callable[..., object], *arguments: object) -> list[str]:
    """Return the lines with which a check refuses its arguments; none where it passes."""
    try:
        check(*arguments)
    except UserError as error:
        return list(error.lines)
    return []
