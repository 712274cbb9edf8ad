"""Charts: what is drawn can be read in both themes, and by those who don't see it."""

import re
from pathlib import Path

import pytest

from pipeline.competition.schema import TYPES
from pipeline.report.charts import draw
from pipeline.viewing.colours import kind_style
from tests.contract.project import ROOT

STYLE = (ROOT / "pipeline/report/style.css").read_text(encoding="utf-8")
POINTS = [
    {"name": "one", "value": 0.7, "low": 0.6, "high": 0.8, "reference": 0.75},
    {"name": "<b>&", "value": 0.9, "low": None, "high": None, "reference": 0.75},
]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def intervals(key: str = "k", title: str = "A title") -> str:
    return draw(key, "intervals", POINTS, x="value", y="name", title=title, description="Words.")


def test_a_drawing_is_named_and_described_and_scales():
    drawn = intervals(title='<i>"T"')
    assert drawn.startswith('<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" ')
    assert '<title id="k-title">&lt;i&gt;&#34;T&#34;</title>' in drawn
    assert '<desc id="k-desc">Words.</desc>' in drawn
    head = drawn.partition(">")[0]
    assert " width=" not in head
    assert re.search(r'viewBox="0 0 340 240"', head)


def test_names_are_escaped_and_bytes_repeat():
    drawn = intervals()
    assert "<b>" not in drawn
    assert "&lt;b&gt;&amp;" in drawn
    assert drawn == intervals()


def test_what_has_no_interval_has_no_bar():
    assert intervals().count('aria-roledescription="rule mark"') in (2, 3)
    assert len(re.findall(r'<line [^>]*stroke="#4c78a8"', intervals())) == 1


def test_ids_of_two_charts_differ():
    ids = [re.findall(r'\bid="([^"]+)"', intervals(key)) for key in ("a", "b")]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])


def test_every_colour_of_a_drawing_has_one_of_the_page():
    templates = ("intervals", "calibration", "band", "norm", "rate", "histogram")
    used = {
        colour
        for name in templates
        for colour in re.findall(r'"(#[0-9a-f]{6})"', Path(f".dvc/plots/{name}.json").read_text())
    }
    drawn = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{3,6})"', intervals()))
    assert used | drawn <= set(re.findall(r'\[fill="(#[0-9a-f]+)"\]', STYLE))
    assert used | drawn <= set(re.findall(r'\[stroke="(#[0-9a-f]+)"\]', STYLE))


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast_is_that_of_wcag_aa(theme: int):
    block = re.findall(r":root \{(.*?)\}", STYLE, re.S)[theme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    assert len(colours) == 9
    kinds = re.findall(
        r"\.(kind-\d) \{ --kind: (#[0-9a-f]{6}); \}", kind_style().split("@media")[theme]
    )
    assert len(dict(kinds)) == len(set(dict(kinds).values())) == len(TYPES)
    colours |= dict(kinds)
    for name in {*colours} - {"paper", "surface", "line", "first", "second"}:
        for ground in ("paper", "surface"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    for name in ("first", "second"):
        assert contrast(colours[name], colours["paper"]) >= 3.0, name
