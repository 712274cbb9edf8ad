"""The ledger as a plot: out-of-fold loss against the leaderboard, by DVC's own renderer."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from dvc_render import VegaRenderer, render_html

from pipeline.errors import UserError
from pipeline.kaggle.ledger import Line

TEMPLATES: Final = Path(".dvc/plots")
_PAGE: Final = "page.html"  # Vega stands in it, so that it opens without a network
_TEMPLATE: Final = "leaderboard.json"


def points(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """A point for each score that is shown."""
    return [
        {
            "out_of_fold": line.out_of_fold,
            "score": score,
            "configuration": configuration,
            "recipe": line.recipe or "own configuration",
            "reference": str(line.reference),
            "commit": (line.commit or "unknown")[:12],
            "time": line.time,
        }
        for line in lines
        for configuration, score in (("public", line.public), ("private", line.private))
        if score is not None
    ]


def plot(lines: Iterable[Line], path: Path) -> int:
    """Write a page that opens without a network.

    Args:
      lines: of the ledger.
      path: of the page.

    Returns:
      The number of points.

    Raises:
      UserError: no score is there yet.
    """
    found = points(lines)
    if not found:
        raise UserError("no score to plot: the ledger has none yet; make submit adds them")
    renderer = VegaRenderer(
        found,
        "leaderboard",
        template=_TEMPLATE,
        template_dir=str(TEMPLATES),
        x="out_of_fold",
        y="score",
        title="submissions",
    )
    render_html([renderer], path, TEMPLATES / _PAGE)
    return len(found)
