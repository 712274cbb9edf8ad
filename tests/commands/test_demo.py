"""The demo's handler, which needs no Gradio, and the line where Gradio is missing."""

import sys

import numpy as np
import pytest

from commands import demo
from pipeline.competition.schema import LABELS, TYPES
from pipeline.errors import UserError
from pipeline.viewing.demo import COLUMNS, answer, style
from pipeline.viewing.draft import Draft
from pipeline.viewing.looking import Seen
from pipeline.viewing.parts import Part, element


def _rate(draft: Draft) -> Seen:
    made = [element(text, kind, -1, np.array([0.2, 0.3, 0.5])) for kind, text in draft.elements]
    return Seen("seen", [Part("between"), *made], draft.notes)


def test_an_essay_as_html_and_a_table():
    html, rows = answer("<script>alert(1)</script>\n\n<b>Two</b> & more.", _rate)
    assert "<script" not in html
    assert "&lt;b&gt;Two&lt;/b&gt; &amp; more." in html
    assert '<div class="element kind-0">' in html
    assert "paragraphs serve" in html
    assert rows == [
        [1, TYPES[0], "0.200", "0.300", "0.500"],
        [2, TYPES[6], "0.200", "0.300", "0.500"],
    ]
    assert COLUMNS[2:] == LABELS


def test_json_names_elements():
    html, rows = answer('{"text": "a b", "elements": [{"type": "Claim", "text": "b"}]}', _rate)
    assert [row[1] for row in rows] == ["Claim"]
    assert "paragraphs serve" not in html


@pytest.mark.parametrize(("text", "told"), [(" ", "Write an essay"), ("{", "the text: not JSON")])
def test_nothing_to_predict(text: str, told: str):
    html, rows = answer(text, _rate)
    assert told in html
    assert rows == []


def test_the_colours_of_every_type_in_both_themes():
    for kind in range(len(TYPES)):
        assert f"\n.dark .kind-{kind} {{ --kind: #" in style()


def test_without_gradio_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(UserError, match=r"^commands\.demo: no gradio .*; run: make demo$"):
        demo.main([])
