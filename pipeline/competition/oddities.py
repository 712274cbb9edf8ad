"""Counts of what is odd in the competition's texts, for the report of the validate stage."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import pandas as pd

from pipeline.competition import schema

_C1: Final = re.compile("[\x80-\x9f]")
_PLACEHOLDER: Final = re.compile(r"\b[A-Za-z]+_[A-Z][A-Za-z]*\b")  # Generic_School, PERSON_NAME

_TEXTS: Final[Mapping[str, Callable[[str], bool]]] = {
    "leading_white_space": lambda text: text != text.lstrip(),
    "trailing_white_space": lambda text: text != text.rstrip(),
    "newlines": lambda text: "\n" in text,
    "carriage_returns": lambda text: "\r" in text,
    "quotes": lambda text: '"' in text,
    "no_break_spaces": lambda text: "\u00a0" in text,
    "c1_characters": lambda text: _C1.search(text) is not None,
    "placeholders": lambda text: _PLACEHOLDER.search(text) is not None,
}


def count_oddities(raw: pd.DataFrame, essays: Mapping[str, str]) -> dict[str, int]:
    """Count the elements that show each oddity, before any cleaning.

    Args:
      raw: one split's table as Kaggle has it.
      essays: its essays by id.
    """
    texts = raw[schema.ELEMENT_TEXT]
    counts = {name: int(texts.map(odd).sum()) for name, odd in _TEXTS.items()}
    stripped = texts.str.strip()
    within = [essays[essay] for essay in raw[schema.ESSAY_ID]]
    occurrences = [essay.count(text) for essay, text in zip(within, stripped, strict=True)]
    verbatim = [text in essay for essay, text in zip(within, texts, strict=True)]
    counts["not_verbatim"] = verbatim.count(False)
    counts["not_verbatim_when_stripped"] = occurrences.count(0)
    counts["several_times_in_essay"] = sum(count > 1 for count in occurrences)
    counts["sharing_their_text"] = int(stripped.duplicated(keep=False).sum())
    if schema.LABEL_NAME in raw:
        labels = raw[schema.LABEL_NAME].groupby(stripped).nunique()
        counts["texts_with_conflicting_labels"] = int((labels > 1).sum())
    first = raw[schema.ESSAY_ID] != raw[schema.ESSAY_ID].shift()
    counts["essays_not_contiguous"] = int(raw[schema.ESSAY_ID][first].duplicated().sum())
    return counts
