import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.competition.spans import NOT_FOUND, Squeezed, find_spans, squeeze

pytestmark = pytest.mark.golden


def test_cursor_keeps_repeated_texts_apart():
    #        0123456789012345
    essay = "No. Why? No. End"
    assert find_spans(essay, ["No.", "Why?", "No.", "End"]) == [(0, 3), (4, 8), (9, 12), (13, 16)]


def test_a_text_within_an_earlier_element_is_looked_for_after_it():
    essay = "cars are cheap and cars are loud"
    assert find_spans(essay, ["cars are cheap", "cars"]) == [(0, 14), (19, 23)]


@pytest.mark.parametrize(
    ("essay", "element", "span"),
    [
        ("one two", "one\ntwo", (0, 7)),
        ("one \n\n two.", "one two", (0, 10)),
        ("so one\u00a0two", "one two", (3, 10)),
        ("  one two", "\n one   two \n", (2, 9)),
        ("one\ttwo", " one two", (0, 7)),
        ("tone two", "one two", (1, 8)),  # an element may start within a word
        ("one two", "one tw", (0, 6)),
    ],
)
def test_any_run_of_white_space_matches_any_other(essay, element, span):
    assert find_spans(essay, [element]) == [span]


def test_white_space_is_not_made_up():
    assert find_spans("onetwo", ["one two"]) == [NOT_FOUND]
    assert find_spans("one two", ["onetwo"]) == [NOT_FOUND]


def test_what_is_not_found_leaves_the_cursor_where_it_was():
    essay = "alpha beta gamma"
    assert find_spans(essay, ["alpha", "delta", "beta"]) == [(0, 5), (-1, -1), (6, 10)]


def test_what_stands_only_before_the_cursor_is_not_found():
    assert find_spans("alpha beta", ["beta", "alpha"]) == [(6, 10), NOT_FOUND]


@pytest.mark.parametrize("essay", ["", "  \n"])
def test_nothing_is_found_in_nothing(essay):
    assert find_spans(essay, ["word", ""]) == [NOT_FOUND, NOT_FOUND]


words = st.text(alphabet="ab", min_size=1, max_size=3)
spaces = st.text(alphabet=" \n\u00a0", min_size=1, max_size=2)


@st.composite
def essays(draw):
    """An essay of elements and text between them, with the elements' places."""
    text, places = "", []
    for _ in range(draw(st.integers(1, 5))):
        text += draw(words) + draw(spaces)
        element = draw(st.lists(words, min_size=1, max_size=4).map(" ".join))
        places.append((len(text), len(text) + len(element)))
        text += element + draw(spaces)
    return text, places


@given(essays())
def test_found_spans_hold_their_text_in_order_and_apart(drawn):
    essay, places = drawn
    elements = [essay[start:end] for start, end in places]
    spans = find_spans(essay, elements)
    assert all(span != NOT_FOUND for span in spans)  # each stands no later than where it was put
    for span, element in zip(spans, elements, strict=True):
        assert squeeze(essay[span.start : span.end]) == squeeze(element)
        assert not essay[span.start].isspace()
        assert not essay[span.end - 1].isspace()
    assert all(a.end <= b.start for a, b in itertools.pairwise(spans))


@given(essays())
def test_same_as_a_regular_expression(drawn):
    essay, places = drawn
    cursor = 0
    for (start, end), span in zip(
        places, find_spans(essay, [essay[a:b] for a, b in places]), strict=True
    ):
        pattern = r"\s+".join(re.escape(word) for word in essay[start:end].split())
        match = re.compile(pattern).search(essay, cursor)
        assert match is not None
        assert span == match.span()
        cursor = match.end()


@given(st.text(alphabet="ab \n", max_size=20))
def test_squeezed_characters_know_where_they_were(essay):
    squeezed = Squeezed(essay)
    for index, character in enumerate(squeezed.text):
        if character != " ":
            assert essay[squeezed.original(index)] == character
