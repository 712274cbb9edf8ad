import itertools
import re

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from pipeline.competition.folding import Span, fold
from pipeline.competition.spans import NOT_FOUND, find_elements, reading_order

pytestmark = pytest.mark.golden


def find_spans(essay: str, elements: list[str]) -> list[Span]:
    return find_elements(essay, elements).spans


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
        assert fold(essay[span.start : span.end]) == fold(element)
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


@pytest.mark.parametrize(
    ("essay", "elements", "expected"),
    [
        pytest.param("alpha beta", ["beta", "alpha"], [(6, 10), (0, 5)], id="the wrong way round"),
        pytest.param(
            # 0     7    12   17  21   26    32   37
            "First. No. Then that. No. Last one. No.",
            ["First.", "Last one.", "No.", "Then that.", "No.", "No."],
            [(0, 6), (26, 35), (7, 10), (11, 21), (22, 25), (36, 39)],
            id="identical texts take their places in the order of rows",
        ),
        pytest.param(
            "One. Two. Three. Four. Five. Two, again.",
            ["One.", "Two, again.", "Three.", "Four.", "Five."],
            [(0, 4), (29, 40), (10, 16), (17, 22), (23, 28)],
            id="a text that stands far on takes nothing with it",
        ),
        pytest.param(
            "No. One. Two. Three. No. End.",
            ["No.", "No.", "One.", "Two.", "Three.", "End."],
            [(0, 3), (21, 24), (4, 8), (9, 13), (14, 20), (25, 29)],
            id="a repeat that comes too early",
        ),
        pytest.param(
            "cars are cheap and cars are loud",
            ["cars", "cars are cheap"],
            [(19, 23), (0, 14)],
            id="a place inside another element's only one is left to it",
        ),
        pytest.param(
            "cars are cheap and cars are loud and cars",
            ["cars", "cars are", "cars are cheap"],
            [(37, 41), (19, 27), (0, 14)],
            id="one certain place makes another certain",
        ),
        pytest.param(
            "xx b y. uu b y vv. xx b z.",
            ["xx b", "uu b y vv", "b y"],
            [(19, 23), (8, 17), (3, 6)],
            id="a shorter text's certain place takes a longer one's choice",
        ),
        pytest.param(
            "Dogs bark, as dogs do, at night.",
            ["Dogs bark, as dogs do, at night.", "as dogs do"],
            [(0, 32), (11, 21)],
            id="a claim inside an evidence",
        ),
        pytest.param(
            "Say it once.", ["it once", "it once"], [(4, 11), (4, 11)], id="more rows than places"
        ),
    ],
)
def test_rows_in_any_order_find_their_places(essay, elements, expected):
    assert find_spans(essay, elements) == expected


def test_the_longest_chain_in_row_order_decides_between_repeats():
    essay = "a. X. a. Y. a."
    assert find_spans(essay, ["Y.", "X.", "a.", "a."]) == [(9, 11), (3, 5), (6, 8), (12, 14)]


@given(essays(), st.randoms(use_true_random=False))
def test_any_order_gives_spans_that_hold_their_texts(drawn, random):
    essay, places = drawn
    elements = [essay[start:end] for start, end in places]
    random.shuffle(elements)
    for span, element in zip(find_spans(essay, elements), elements, strict=True):
        assert fold(essay[span.start : span.end]) == fold(element)


@given(st.permutations(range(8)))
def test_texts_that_stand_once_have_the_same_spans_in_any_order(order):
    texts = [f"{word} {word}s." for word in ("ox", "cow", "hen", "ant", "bee", "elk", "owl", "pig")]
    spans = find_spans(" So, \n".join(texts), [texts[i] for i in order])
    ends = list(itertools.accumulate(len(text) + 6 for text in texts))
    assert spans == [(ends[i] - 6 - len(texts[i]), ends[i] - 6) for i in order]


@pytest.mark.parametrize(
    ("essay", "element", "span"),
    [
        ("so\u200bme words", "some words", (0, 11)),
        ("some words", "\ufeffsome\u2060 wo\u00adrds\u200d", (0, 10)),
        ("so\u00adme\u200c words\u200b end", "some words", (0, 12)),
        ("one \u200b two", "one two", (0, 9)),
        ("one \u200b two", "one\u200b\ntwo", (0, 9)),
        ("a caf\u00e9 here", "cafe\u0301", (2, 6)),
        ("a cafe\u0301 here", "caf\u00e9", (2, 7)),
        ("a cafe\u0301 here", "caf\u00e9 here", (2, 12)),
        ("a \u1112\u1161\u11ab b", "\ud55c b", (2, 7)),  # Hangul in its letters
        ("I \u2764\ufe0f it", "I \u2764 it", (0, 7)),
        ("left\u200e right", "left right", (0, 11)),
    ],
)
def test_what_nobody_sees_makes_no_difference(essay, element, span):
    assert find_spans(essay, [element]) == [span]


@pytest.mark.parametrize(
    ("essay", "element"),
    [
        ("a cafe\u0301", "cafe"),
        ("q\u0323 and more", "q"),
        ("\U0001f469\u200d\U0001f467 run", "\U0001f467 run"),  # one family, not a girl
        ("\U0001f1e9\U0001f1ea wins", "\U0001f1ea wins"),  # half a flag
    ],
)
def test_no_grapheme_is_split(essay, element):
    assert find_spans(essay, [element]) == [NOT_FOUND]


characters = st.sampled_from(
    "ab. \n\r\u00a0\u0301\u200b\u200d\u00e9\ufe0f\U0001f469\U0001f1e9\u1112\u1161"
)


@given(st.lists(characters, max_size=20).map("".join), st.data())
def test_spans_begin_and_end_between_graphemes(essay, data):
    bounds = [0, *(match.end() for match in regex.finditer(r"\X", essay))]
    pairs = st.tuples(st.sampled_from(bounds), st.sampled_from(bounds)).map(sorted)
    elements = [essay[a:b] for a, b in data.draw(st.lists(pairs, max_size=4))]
    for (start, end), element in zip(find_spans(essay, elements), elements, strict=True):
        if fold(element):
            assert {start, end} <= set(bounds)
            assert fold(essay[start:end]) == fold(element)
        else:
            assert (start, end) == NOT_FOUND


def test_a_letter_that_stands_thousands_of_times():
    essay = "a " * 3000 + "b c"
    spans = find_spans(essay, ["c", *["a"] * 1500, "b"])
    assert spans == [(6002, 6003), *[(2 * i, 2 * i + 1) for i in range(1500)], (6000, 6001)]


@pytest.mark.parametrize(
    ("texts", "moved", "told_apart"),
    [
        (["One.", "Two.", "No.", "Three.", "No."], 0, 2),
        (["Two.", "One.", "No.", "Three.", "Nowhere.", "No."], 1, 2),
        (["No.", "Three.", "Two.", "One."], 2, 1),  # No. and Three. stand in order
        (["One. Two.", "Two.", "One."], 1, 0),  # what overlaps is in order by its start
    ],
)
def test_what_is_out_of_order_and_what_stands_twice_is_counted(texts, moved, told_apart):
    found = find_elements("One. Two. No. Three. No.", texts)
    assert (found.out_of_order, found.told_apart) == (moved, told_apart)


def test_reading_order():
    assert reading_order([(8, 9), (-1, -1), (0, 2), (0, 5), (8, 9)]) == [3, 2, 0, 1, 4]
    assert reading_order([(-1, -1), (4, 5), (0, 3), (-1, -1)]) == [0, 2, 3, 1]
