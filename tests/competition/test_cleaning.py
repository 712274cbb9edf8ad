import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.competition.cleaning import clean
from pipeline.params import Clean
from tests.configurations import section

pytestmark = pytest.mark.golden

BOTH = section(Clean)
NEITHER = section(Clean, repair_cp1252=False, plain_spaces=False)


@pytest.mark.parametrize(
    ("damaged", "meant"),
    [
        ("\x91so\x92", "‘so’"),
        ("\x93so\x94", "“so”"),
        ("\x95 one", "• one"),
        ("a\x96b\x97c", "a–b—c"),
        ("\x80 5\x85", "€ 5…"),
        ("\x81\x8d\x8f\x90\x9d", "\x81\x8d\x8f\x90\x9d"),  # mean nothing in cp1252 either
    ],
)
def test_c1_characters_become_what_cp1252_means(damaged, meant):
    assert clean(damaged, section(Clean, plain_spaces=False)) == meant
    assert clean(damaged, NEITHER) == damaged


def test_no_break_spaces_become_spaces():
    text = "one\u00a0two\u202fthree \x92"
    assert clean(text, section(Clean, repair_cp1252=False)) == "one two three \x92"
    assert clean(text, section(Clean, plain_spaces=False)) == "one\u00a0two\u202fthree ’"


def test_other_characters_stay():
    text = "Café – “naïve” 😀\r\n\ttab~\x7f¡"
    assert clean(text, BOTH) == text


@given(st.text(alphabet=[chr(code) for code in range(0x2040)]))
def test_every_character_keeps_its_place(text):
    cleaned = clean(text, BOTH)
    assert len(cleaned) == len(text)
    assert clean(cleaned, BOTH) == cleaned
