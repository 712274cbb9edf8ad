"""Templates into pages; only the style sheet and the charts go in as they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.report.charts import number
from pipeline.viewing.colours import kind_style
from pipeline.viewing.rendering import templates

_OWN = Path(__file__).parent


def rendered(template: str, content: Mapping[str, Any]) -> str:
    """Render a template of this package, with the style sheet in it.

    Args:
      template: its file's name.
      content: what it names, but for `style`.
    """
    made = templates(_OWN)
    made.filters |= {
        "loss": number,
        "count": lambda value: f"{value:,}",
        "signed": lambda value: f"{value:+.4f}",
        "words": lambda key: str(key).replace("_", " "),
    }
    style = Markup(f"{kind_style()}\n{(_OWN / 'style.css').read_text(encoding='utf-8')}")
    return made.get_template(template).render(content, style=style)
