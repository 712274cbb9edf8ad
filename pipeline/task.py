"""The task of a competition, as the parts that know no competition are told of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A task: the classes of elements, and the names of what they are predicted from.

    Attributes:
      labels: the classes, in the order of their probabilities.
      markers: the token that opens an element, by the element's type.
      id_column, essay_column, type_column, text_column: of the clean elements; the second also of
        the clean essays.
    """

    labels: tuple[str, ...]
    markers: Mapping[str, str]
    id_column: str
    essay_column: str
    type_column: str
    text_column: str
