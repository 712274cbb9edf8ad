"""The interface of a logger."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class Logger(Protocol):
    """A run of another tool that takes in figures by step."""

    def start(self, done: int) -> None:
        """Begin, or go on after `done` steps: what was logged of later ones no longer counts."""
        ...

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log figures of one step."""
        ...

    def close(self) -> None:
        """Write what is still held."""
        ...
