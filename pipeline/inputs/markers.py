"""The tokens that the input adds to a backbone's vocabulary."""

from collections.abc import Iterable

PARAGRAPH = "[BR]"
"""The token in place of a run of newlines, which most tokenizers would drop."""


def with_paragraph(markers: Iterable[str]) -> tuple[str, ...]:
    """Return every marker, in the order in which they are added to a vocabulary.

    Args:
      markers: of the types of elements.
    """
    return (*markers, PARAGRAPH)
