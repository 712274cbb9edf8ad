"""`commands.rate`: an essay from outside, by the graph's own route."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from commands import rate
from pipeline import paths
from pipeline.competition.rows import read_rows
from pipeline.competition.schema import ELEMENT_ID, ELEMENT_TEXT, ELEMENT_TYPE, ESSAY_ID, TYPES
from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.tables.predictions import mean_over_folds, read_predictions
from pipeline.viewing.draft import read_draft
from pipeline.viewing.rating import Rater
from tests.bundle.graph import MODEL

# The row that an essay stands in decides the order in which float32 sums run: over at most 256
# tokens, each rounded by at most 2^-24 of what is summed. Layers hand that on at about its size,
# since each is normalised.
TOLERANCE = 256 * 2.0**-24


def _asked(essay: str) -> tuple[list[str], str]:
    """A test essay as Kaggle has it: the elements' ids, and JSON as a user would write it."""
    table = read_rows(Path("data/sample/test.csv"))
    rows = [dict(zip(table.header, fields, strict=True)) for fields in table.fields]
    own = [row for row in rows if row[ESSAY_ID] == essay]
    told = [{"type": row[ELEMENT_TYPE], "text": row[ELEMENT_TEXT]} for row in own]
    text = Path(f"data/sample/test/{essay}.txt").read_text(encoding="utf-8")
    return [row[ELEMENT_ID] for row in own], json.dumps({"text": text, "elements": told})


@pytest.mark.slow
def test_the_graph_s_own_numbers(finished: Path, monkeypatch: pytest.MonkeyPatch):
    """Of test essays as `predict` left them: topics, two seeds and markers among them."""
    monkeypatch.chdir(finished)
    rater = Rater(load_configuration(), MODEL)
    table = paths.test(MODEL)
    rows = mean_over_folds(read_predictions(table), table)
    expected = dict(zip(rows.element_ids, rows.probabilities, strict=True))
    essays = pq.read_table(paths.clean("test") / "essays.parquet")[ESSAY_ID].to_pylist()
    elements = pq.read_table(paths.clean("test") / "elements.parquet").to_pylist()
    assert len(essays) > 1
    for essay in essays:
        ids, content = _asked(essay)
        seen = rater.rate(read_draft(content, essay, as_json=True))
        made = [part.probabilities for part in seen.parts if part.kind is not None]
        order = [row[ELEMENT_ID] for row in elements if row[ESSAY_ID] == essay]
        assert sorted(order) == sorted(ids)
        assert seen.notes == []
        np.testing.assert_allclose(made, [expected[i] for i in order], rtol=0, atol=TOLERANCE)


@pytest.mark.slow
def test_from_standard_input(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(finished)
    text = "One [bold]tram[/bold].\n\nTwo.\n\nThree."
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    rate.main(["-"])
    said = capsys.readouterr().out
    assert said.startswith(f"standard input: 3 elements by {MODEL}, the mean of every fold")
    assert "no elements were given: paragraphs serve as elements" in said
    assert "One [bold]tram[/bold]." in said


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("One.", [TYPES[5]]),
        ("One.\n\nTwo.", [TYPES[0], TYPES[6]]),
        (
            "One.\r\n \r\nTwo\nlines.\n\n\nThree.\n\nFour.",
            [*TYPES[:1], *TYPES[5:6] * 2, TYPES[6]],
        ),
        ("One.\nTwo.\nThree.", [TYPES[0], TYPES[5], TYPES[6]]),
    ],
)
def test_paragraphs_serve(text: str, kinds: list[str]):
    draft = read_draft(text, "essay.txt", as_json=False)
    assert [kind for kind, _ in draft.elements] == kinds
    assert all(own in text for _, own in draft.elements)
    assert len(draft.notes) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "e: not JSON: Expecting property name"),
        ("[1]", "e: expected keys text and elements, found [1]"),
        ('{"txt": "a"}', "e: unknown key 'txt'; the nearest valid one is 'text'"),
        ('{"text": " "}', "e: text: expected a text, found ' '"),
        ('{"text": "a", "elements": 3}', "e: elements: expected a list, found 3"),
        (
            '{"text": "a", "elements": [{"type": "Clam", "text": "a"}]}',
            "e: elements[0]: type: no 'Clam'; the nearest valid one is 'Claim'",
        ),
        (
            '{"text": "a", "elements": [{"type": "Claim"}]}',
            "e: elements[0]: text: expected a text, found nothing",
        ),
        ('{"text": "\\ud800"}', "e: text: expected Unicode, found half a surrogate pair"),
    ],
)
def test_a_mistake_is_one_line(content: str, message: str):
    with pytest.raises(UserError) as caught:
        read_draft(content, "e", as_json=True)
    assert str(caught.value).startswith(message)
