"""One thing that the doctor found, and how a stage's own check becomes one."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.configuration import ConfigurationError
from pipeline.errors import UserError


@dataclass(frozen=True)
class Finding:
    """A line for the user: a mistake with what mends it, or a note that hinders nothing."""

    text: str
    error: bool = True


def refusals(check: Callable[..., object], *arguments: object) -> list[str]:
    """The lines with which a check refuses its arguments; none where it is content."""
    try:
        check(*arguments)
    except ConfigurationError as error:
        return list(error.lines)
    except UserError as error:
        return [str(error)]
    return []
