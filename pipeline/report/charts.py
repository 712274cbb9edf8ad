"""Charts: the Vega-Lite templates of `dvc plots`, drawn as SVG that stands in the page itself.

Colours are those of the templates; the page's style sheet replaces each by one of its own, for
light and for dark. Text is laid out in a font that the renderer brings with it, so the same figures
give the same bytes on every machine.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vl_convert
from markupsafe import Markup

TEMPLATES = Path(".dvc/plots")
WIDTH = 340
"""Pixels, about a phone's: there, text has its own size of 12 pixels."""

INK, MUTED, GRID = "#1f2328", "#59636e", "#d1d9e0"
_VERSION = "5.21"  # of Vega-Lite
_AXIS = {
    "labelFontSize": 12,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
    "labelColor": INK,
    "titleColor": MUTED,
    "gridColor": GRID,
    "domainColor": GRID,
    "tickColor": GRID,
    "labelLimit": 145,
    "tickCount": 5,
}
_CONFIG = {
    "background": "transparent",
    "font": "Liberation Sans",
    "axis": _AXIS,
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "labelColor": INK, "titleColor": MUTED},
    "padding": 6,
    "view": {"stroke": None},
}


@dataclass(frozen=True)
class Chart:
    """A drawing and its figures.

    Attributes:
      title: the heading, and the drawing's name to a screen reader.
      svg: the drawing.
      columns: names of the table's columns.
      rows: the figures as text; the first of a row heads it.
    """

    title: str
    svg: Markup
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def draw(
    key: str,
    template: str,
    points: Sequence[Mapping[str, Any]],
    *,
    x: str,
    y: str,
    title: str,
    description: str,
    height: int = 240,
    x_title: str = "",
    legend: bool = True,
) -> Markup:
    """Draw points by a template.

    Args:
      key: of the chart, another for each of a page.
      template: its name in `.dvc/plots`.
      points: of the data.
      x, y: their fields.
      title: the drawing's name.
      description: the drawing in words.
      height: in pixels; a template's facets count as one.
      x_title: in place of the template's.
      legend: whether one is drawn, where the template has any.
    """
    filled = _filled(
        json.loads((TEMPLATES / f"{template}.json").read_text(encoding="utf-8")),
        {"<DVC_METRIC_DATA>": list(points), "<DVC_METRIC_X>": x, "<DVC_METRIC_Y>": y},
    )
    # The page heads its charts itself, and shows one revision.
    filled.pop("title")
    if filled.pop("facet", None) is not None:
        filled |= filled.pop("spec")
    if x_title:
        _last_layer(filled)["encoding"]["x"]["title"] = x_title
    filled |= {"width": WIDTH, "height": height, "autosize": {"type": "fit", "contains": "padding"}}
    if not legend:
        filled = _without_legends(filled)
    drawn = vl_convert.vegalite_to_svg(
        filled, vl_version=_VERSION, config=_CONFIG, allowed_base_urls=[]
    )
    return _accessible(drawn, key, title, description)


def _filled(node: Any, values: Mapping[str, Any]) -> Any:
    """Put values in place of DVC's placeholders, whole or inside of an expression."""
    if isinstance(node, dict):
        return {key: _filled(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, values) for value in node]
    if not isinstance(node, str):
        return node
    if node in values:
        return values[node]
    for placeholder, value in values.items():
        node = node.replace(placeholder, value) if isinstance(value, str) else node
    return node


def _without_legends(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_legends(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {
        key: None if key == "legend" else _without_legends(value) for key, value in node.items()
    }


def _last_layer(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["layer"][-1] if "layer" in spec else spec


def _accessible(drawn: str, key: str, title: str, description: str) -> Markup:
    """Let a drawing scale with the page, name it, and keep its ids apart from other charts'."""
    body = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', drawn)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{key}-\1)", body)
    opening = re.match(r'<svg[^>]* viewBox="([^"]+)"[^>]*>', body)
    if opening is None:
        raise ValueError(f"expected an SVG with a viewBox, found {drawn[:80]!r}")
    head = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="{}" '
        'aria-labelledby="{}-title {}-desc"><title id="{}-title">{}</title>'
        '<desc id="{}-desc">{}</desc>'
    ).format(opening[1], key, key, key, title, key, description)
    # The renderer has escaped all text.
    return head + Markup(body[opening.end() :])


def number(value: float, digits: int = 4) -> str:
    """Write a figure for a table."""
    return f"{value:.{digits}f}"


def interval(low: float, high: float) -> str:
    """Write an interval for a table."""
    return f"{low:.4f} to {high:.4f}"
