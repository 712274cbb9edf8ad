"""Spans of time in words."""

import pytest

from pipeline.durations import span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (90.0, "2 min"),
        (3569.0, "59 min"),
        (3571.0, "1 h 00 min"),
        (13_200.0, "3 h 40 min"),
        (84_599.0, "23 h 30 min"),
        (86_000.0, "23 h 53 min"),
        (86_399.0, "1 d 0 h"),
        (190_800.0, "2 d 5 h"),
        (float("inf"), "an unknown time"),
        (float("nan"), "an unknown time"),
    ],
)
def test_spans_are_said_in_their_two_largest_units(seconds: float, words: str):
    assert span(seconds) == words
