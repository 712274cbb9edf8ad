"""What the demo's page shows of an essay: HTML and a table."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.competition.schema import LABELS
from pipeline.errors import UserError
from pipeline.viewing.colours import kind_style
from pipeline.viewing.draft import Draft, read_draft
from pipeline.viewing.looking import Seen
from pipeline.viewing.rendering import templates

COLUMNS = ("#", "type", *LABELS)
"""Of the table of probabilities."""

_OWN = Path(__file__).parent
_DARK = ".dark"  # the class that Gradio gives the page

Row = list[str | int]


def answer(text: str, rate: Callable[[Draft], Seen]) -> tuple[str, list[Row]]:
    """Predict what stands in the text box.

    Args:
      text: an essay, or JSON with its elements as of `read_draft`.
      rate: predicts it.

    Returns:
      The essay as HTML, and a row of probabilities for each of its elements.
    """
    if not text.strip():
        return _page("Write an essay, or paste one.", None), []
    try:
        as_json = text.lstrip().startswith("{")
        seen = rate(read_draft(text, "the text", as_json))
    except UserError as error:
        return _page(str(error), None), []
    return _page(seen.heading, seen), list(_rows(seen))


def style() -> str:
    """Return the style sheet: the report's colours of types."""
    return f"{kind_style(_DARK)}\n{(_OWN / 'demo.css').read_text(encoding='utf-8')}"


def _page(heading: str, seen: Seen | None) -> str:
    return templates(_OWN).get_template("demo.html").render(heading=heading, seen=seen)


def _rows(seen: Seen) -> Sequence[Row]:
    elements = [part for part in seen.parts if part.kind is not None]
    return [
        [number, part.type, *(f"{value:.3f}" for value in part.probabilities)]
        for number, part in enumerate(elements, 1)
    ]
