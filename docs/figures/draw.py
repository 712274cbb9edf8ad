"""Draw the figures of docs/learn.md: python docs/figures/draw.py

Each is an SVG that follows the reader's light or dark theme, and has a text alternative.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).parent
SVG = "http://www.w3.org/2000/svg"
DEVICES = 8
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.head { font-weight: 600; }
.share { fill: #ddf4ff; stroke: #0969da; }
.copy { fill: #fff8c5; stroke: #9a6700; }
.sum { fill: #dafbe1; stroke: #1a7f37; }
.arrow { stroke: #59636e; fill: none; marker-end: url(#tip); }
.tip { fill: #59636e; }
.back { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .share { fill: #0c2d6b; stroke: #4493f8; }
  .copy { fill: #4b2900; stroke: #d29922; }
  .sum { fill: #04260f; stroke: #3fb950; }
  .arrow { stroke: #9198a1; }
  .tip { fill: #9198a1; }
  .back { fill: #0d1117; }
}
"""


class Drawing:
    """An SVG of boxes, texts and arrows; all lengths are pixels."""

    def __init__(self, width: int, height: int, title: str, description: str) -> None:
        size = {"viewBox": f"0 0 {width} {height}", "width": str(width), "height": str(height)}
        self.root = ET.Element("svg", {"xmlns": SVG, "role": "img", **size})
        for name, text in (("title", title), ("desc", description), ("style", STYLE)):
            ET.SubElement(self.root, name).text = text
        tip = {"id": "tip", "viewBox": "0 0 8 8", "refX": "7", "refY": "4", "orient": "auto"}
        marker = ET.SubElement(ET.SubElement(self.root, "defs"), "marker", tip)
        ET.SubElement(marker, "path", {"class": "tip", "d": "M0 0 L8 4 L0 8 z"})
        whole = {"class": "back", "width": str(width), "height": str(height)}
        ET.SubElement(self.root, "rect", whole)

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> None:
        """Write a line of text whose baseline is at y."""
        at = {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor}
        ET.SubElement(self.root, "text", at | ({"class": kind} if kind else {})).text = text

    def box(self, x: float, y: float, width: float, height: float, kind: str, text: str) -> None:
        """Draw a box with a text in its middle."""
        place = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{width:g}", "height": f"{height:g}"}
        ET.SubElement(self.root, "rect", {"class": kind, "rx": "4", **place})
        self.text(x + width / 2, y + height / 2 + 4.5, text)

    def arrow(self, *points: tuple[float, float]) -> None:
        """Draw an arrow along points."""
        path = " L".join(f"{x:g} {y:g}" for x, y in points)
        ET.SubElement(self.root, "path", {"class": "arrow", "d": f"M{path}"})

    def write(self, path: Path) -> None:
        """Write the file; the same drawing has the same bytes."""
        ET.indent(self.root)
        path.write_text(f"{ET.tostring(self.root, encoding='unicode')}\n", encoding="utf-8")


def arrays_under_pmap() -> Drawing:
    """Draw what `pmap` does to each array of a step."""
    drawing = Drawing(
        720,
        430,
        "What pmap does to each array",
        "The batch is cut into eight shares, one for each device. The parameters are copied to "
        "all. Each device computes the sums of its share; psum adds them over all devices, so "
        "that all hold the same sum and take the same step.",
    )
    heads = {75: "on the host", 265: "on a device", 420: "computed", 625: "the same"}
    for x, text in heads.items():
        drawing.text(x, 24, text, "head")
    drawing.text(75, 42, "ids [8, 8, 16]")
    drawing.text(265, 42, "params, and its share")
    drawing.text(420, 42, "sums of its share")
    drawing.text(625, 42, "on all devices")
    top, height, gap = 58, 30, 8
    for device in range(DEVICES):
        y = top + device * (height + gap)
        middle = y + height / 2
        drawing.box(20, y, 110, height, "share", f"ids[{device}]")
        drawing.arrow((130, middle), (196, middle))
        drawing.box(198, y, 60, height, "copy", "params")
        drawing.box(262, y, 70, height, "share", f"share {device}")
        drawing.arrow((332, middle), (366, middle))
        drawing.box(368, y, 104, height, "share", f"gradient {device}")
        drawing.arrow((472, middle), (516, middle))
        drawing.arrow((548, middle), (574, middle))
        drawing.box(576, y, 104, height, "copy", "params")
    last = top + DEVICES * (height + gap) - gap
    drawing.box(518, top, 30, last - top, "sum", "")
    drawing.text(533, last + 18, "psum", "head")
    drawing.box(20, last + 28, 110, height, "copy", "params")
    drawing.arrow((130, last + 43), (228, last + 43), (228, last + 4))
    drawing.text(240, last + 47, "in_axes=None: one copy for each device", anchor="start")
    return drawing


def folds_on_cores() -> Drawing:
    """Draw two ways to use eight cores for five folds."""
    drawing = Drawing(
        720,
        330,
        "Five folds on eight cores, one after another and at once",
        "Above, every fold uses all eight cores, each of which has one row of a step, and the "
        "cores meet at every step. Below, each fold has a core of its own with eight rows of a "
        "step, and cores never wait for one another; three are free.",
    )
    above = "one after another: every core has a row of the same fold"
    drawing.text(20, 24, above, "head", "start")
    for core in range(DEVICES):
        for fold in range(5):
            drawing.box(80 + fold * 124, 36 + core * 14, 120, 12, "share", "")
    for fold in range(5):
        drawing.text(140 + fold * 124, 164, f"fold {fold}")
    drawing.text(68, 96, "8 cores", anchor="end")
    drawing.text(20, 194, "at once: every core has a fold", "head", "start")
    for core in range(DEVICES):
        busy = core < 5
        kind, text = ("sum", f"fold {core}") if busy else ("back", "a further seed, or idle")
        drawing.text(68, 218 + core * 14, f"core {core}", anchor="end")
        drawing.box(80, 207 + core * 14, 340, 12, kind, "")
        drawing.text(430, 218 + core * 14, text, anchor="start")
    return drawing


FIGURES: dict[str, Callable[[], Drawing]] = {
    "pmap.svg": arrays_under_pmap,
    "folds.svg": folds_on_cores,
}
"""Each figure by its file."""

if __name__ == "__main__":
    for name, draw in FIGURES.items():
        draw().write(FOLDER / name)
