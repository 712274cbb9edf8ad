"""An essay's topic opens each of its windows, without a part in any element."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipeline.errors import UserError

Tokenized = Callable[..., Any]  # conftest's Made
ESSAYS = {
    "E1": ("x a b c d e f", [("Lead", "a b"), ("Claim", "c d"), ("Claim", "e f")]),
    "E2": ("a", [("Lead", "a")]),
}
TOPICS = {"E1": "p q", "E2": ""}


def test_it_opens_every_window(tokenized: Tokenized) -> None:
    made = tokenized(ESSAYS, window=12, topics=TOPICS)
    assert made.windows() == [
        "[CLS] p q [BR] x [LEAD] a b [CLAIM] c d [SEP]",
        "[CLS] p q [BR] [CLAIM] e f [SEP]",
        "[CLS] [LEAD] a [SEP]",
    ]
    assert made.slots() == [
        [-1, -1, -1, -1, -1, -1, 0, 0, -1, 1, 1, -1],
        [-1, -1, -1, -1, -1, 0, 0, -1],
        [-1, -1, 0, -1],
    ]
    assert made.window(0).weight.tolist() == [1.0, 1.0]


def test_an_element_alone_has_its_essay_s(tokenized: Tokenized) -> None:
    made = tokenized(ESSAYS, context="element", topics=TOPICS)
    assert made.windows() == [
        *("[CLS] p q [BR] a b [SEP]", "[CLS] p q [BR] c d [SEP]", "[CLS] p q [BR] e f [SEP]"),
        "[CLS] a [SEP]",
    ]


def test_an_element_without_a_token_has_the_first(tokenized: Tokenized) -> None:
    made = tokenized(("", [("Lead", "!")]), context="element", topics={"E": "p"})
    assert made.windows() == ["[CLS] p [BR] [SEP]"]
    assert made.slots() == [[0, -1, -1, -1]]


def test_without_topics_the_windows_are_the_same(tokenized: Tokenized) -> None:
    plain = tokenized(ESSAYS, window=12)
    windows = plain.windows()
    empty = tokenized(ESSAYS, window=12, topics={"E1": "", "E2": ""})
    assert empty.windows() == windows
    np.testing.assert_array_equal(empty.tokens.lengths, plain.tokens.lengths)


def test_a_topic_takes_room_from_the_overlap(tokenized: Tokenized) -> None:
    message = "inputs.overlap: 5 tokens, but a window of 10 has room for 5 beside"
    tokenized(ESSAYS, window=10, overlap=4, topics=TOPICS)
    with pytest.raises(UserError, match=message):
        tokenized(ESSAYS, window=10, overlap=5, topics=TOPICS)
