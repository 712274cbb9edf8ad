"""Mark-up: texts and spans by hand, and that no word is lost."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inputs.markers import with_paragraph
from pipeline.inputs.markup import Element, mark_up, own, reserve

pytestmark = pytest.mark.golden

TYPES = ("[CLAIM]", "[LEAD]", "[EVIDENCE]", "[REBUTTAL]", "[POSITION]")
RESERVED = reserve(["[SEP]", *with_paragraph(TYPES)])


def spans_of(text: str, elements: list[Element]) -> tuple[str, list[str], list[int]]:
    marked = mark_up(text, elements, RESERVED)
    return marked.text, [marked.text[a:b] for a, b in marked.spans.tolist()], marked.order


@pytest.mark.parametrize(
    ("text", "elements", "expected", "own_texts", "order"),
    [
        pytest.param(
            "Yes. I say so",
            [Element("[CLAIM]", "I say", 5, 10)],
            "Yes.[CLAIM] I say so",
            ["I say"],
            [0],
            id="space after a marker, none before",
        ),
        pytest.param(
            "One, two",
            [Element("[CLAIM]", "One", 0, 3), Element("[EVIDENCE]", "two", 5, 8)],
            "[CLAIM] One,[EVIDENCE] two",
            ["One", "two"],
            [0, 1],
            id="text that joins on to an element stays joined",
        ),
        pytest.param(
            "\nOne\n\ntwo  three",
            [Element("[CLAIM]", "One\n\ntwo", 1, 9)],
            "[BR][CLAIM] One[BR] two three",
            ["One[BR] two"],
            [0],
            id="paragraphs",
        ),
        pytest.param(
            "One two",
            [Element("[CLAIM]", "One", 0, 3), Element("[CLAIM]", "lost", -1, -1)],
            "[CLAIM] One[CLAIM] lost two",
            ["One", "lost"],
            [0, 1],
            id="not found: after the one before it",
        ),
        pytest.param(
            "One two",
            [Element("[LEAD]", "lost", -1, -1), Element("[CLAIM]", "two", 4, 7)],
            "[LEAD] lost One[CLAIM] two",
            ["lost", "two"],
            [0, 1],
            id="not found: at the start",
        ),
        pytest.param(
            "One two three",
            [Element("[CLAIM]", "two three", 4, 13), Element("[CLAIM]", "One", 0, 3)],
            "[CLAIM] One[CLAIM] two three",
            ["One", "two three"],
            [1, 0],
            id="out of order",
        ),
        pytest.param(
            "One two three",
            [Element("[CLAIM]", "One two", 0, 7), Element("[POSITION]", "two three", 4, 13)],
            "[CLAIM] One[POSITION] two three",
            ["One", "two three"],
            [0, 1],
            id="overlapping: the later one takes over",
        ),
        pytest.param(
            "One two three",
            [Element("[CLAIM]", "One two three", 0, 13), Element("[POSITION]", "two", 4, 7)],
            "[CLAIM] One[POSITION] two three",
            ["One", "two"],
            [0, 1],
            id="nested: the rest is context",
        ),
        pytest.param(
            "One",
            [Element("[CLAIM]", "One", 0, 3), Element("[POSITION]", "One", 0, 3)],
            "[CLAIM][POSITION] One",
            ["", "One"],
            [0, 1],
            id="the same span twice",
        ),
        pytest.param(
            "a [CLAIM] b [BR][SEP]",
            [Element("[CLAIM]", "b [BR][SEP]", 10, 21)],
            "a [ CLAIM][CLAIM] b [ BR][ SEP]",
            ["b [ BR][ SEP]"],
            [0],
            id="special tokens in the text are broken up",
        ),
    ],
)
def test_by_hand(
    text: str, elements: list[Element], expected: str, own_texts: list[str], order: list[int]
) -> None:
    assert spans_of(text, elements) == (expected, own_texts, order)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_word_is_lost_and_every_element_is_opened(data: st.DataObject) -> None:
    text = data.draw(st.text(alphabet="ab. \n", max_size=40))
    markers = st.sampled_from(TYPES)
    spans = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)), markers)
    elements = [
        Element(marker, text[min(a, b) : max(a, b)], min(a, b), max(a, b))
        for a, b, marker in data.draw(st.lists(spans, max_size=5))
    ]
    marked = mark_up(text, elements, RESERVED)
    without = re.sub(r"\[[A-Z]+\]|\s", "", marked.text)
    assert without == re.sub(r"\s", "", text)
    opened = [m[0] for m in re.finditer(r"\[[A-Z]+\]", marked.text) if m[0] != "[BR]"]
    assert opened == [elements[i].marker for i in marked.order]
    flat = marked.spans.ravel().tolist()
    assert flat == sorted(flat)
    assert sorted(marked.order) == list(range(len(elements)))


def test_tokens_by_their_last_character() -> None:
    # "[M] ab c[BR] d[M] e": the first element is characters 4 to 14, the second 18 to 19.
    offsets = [(0, 3), (3, 5), (5, 6), (6, 8), (8, 12), (12, 12), (12, 14), (14, 17), (17, 18)]
    is_type = np.array([True, *[False] * 6, True, False])
    is_marker = is_type | (np.arange(9) == 4)
    owned = own(np.array(offsets), is_type, is_marker, np.array([[4, 14], [18, 19]]))
    # (3, 5) begins with the space and is the element's; (12, 12) holds no character; the second
    # element has no token of its own but its marker, since (17, 18) is the space before it.
    assert owned.owner.tolist() == [-1, 0, 0, 0, -1, -1, 0, 1, -1]
    assert owned.bodies.tolist() == [[0, 7], [7, 8]]


def test_a_marker_too_few() -> None:
    none = np.array([False])
    with pytest.raises(AssertionError, match="0 markers for 1 elements"):
        own(np.array([[0, 1]]), none, none, np.array([[0, 1]]))


@pytest.mark.parametrize(
    ("text", "end", "marked", "own_text"),
    [
        ("see [LEAD] now", 7, "[CLAIM] see [LE AD] now", "see [LE"),
        ("see [LEAD] now", 5, "[CLAIM] see [ LEAD] now", "see ["),
        ("see [SEP][LEAD]", 13, "[CLAIM] see [ SEP][LEA D]", "see [ SEP][LEA"),
        ("see [SEP]", 8, "[CLAIM] see [SEP ]", "see [SEP"),
    ],
)
def test_a_reserved_word_that_a_border_cuts_stays_broken_up(
    text: str, end: int, marked: str, own_text: str
):
    found, own_texts, _ = spans_of(text, [Element("[CLAIM]", text[:end], 0, end)])
    assert found == marked
    assert own_texts == [own_text]
