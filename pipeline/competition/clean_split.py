"""One split as Kaggle has it, and its clean tables: texts cleaned, elements found in essays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from pipeline import clean_tables, params
from pipeline.competition import schema
from pipeline.competition.cleaning import clean
from pipeline.competition.spans import find_elements, reading_order

COLUMNS: Final = (
    *schema.TEST_COLUMNS,
    clean_tables.START,
    clean_tables.END,
    clean_tables.LABEL,
)


@dataclass(frozen=True)
class RawSplit:
    """One split as Kaggle has it: its rows, its essays by id, the columns that nothing uses."""

    rows: pd.DataFrame
    essays: Mapping[str, str]
    unused: list[str]


@dataclass(frozen=True)
class CleanSplit:
    """One split's clean tables, as interfaces between stages have them.

    Attributes:
      elements: in reading order within an essay, whatever the order of rows was.
      essays: in the order of their first rows.
      out_of_order: rows that would have to move for all to stand as in their essay.
      told_apart: elements whose text stands more than once in their essay.
    """

    elements: pd.DataFrame
    essays: pd.DataFrame
    out_of_order: int
    told_apart: int

    @property
    def not_found(self) -> pd.DataFrame:
        """The elements whose text their essay doesn't hold."""
        return self.elements[self.elements[clean_tables.START] < 0]


def clean_split(split: RawSplit, cleaning: params.Clean) -> CleanSplit:
    """Clean the texts, find each element's place in its essay, and sort elements by it.

    An element that was not found stays behind the one before it in the file.
    """
    essay_ids = split.rows[schema.ESSAY_ID]
    # Stable, so that rows of an essay keep the file's order, which tells equal texts apart.
    rows = split.rows.iloc[np.argsort(pd.factorize(essay_ids)[0], kind="stable")]
    texts = [clean(text, cleaning).strip() for text in rows[schema.ELEMENT_TEXT]]
    elements = pd.DataFrame(
        {
            schema.ELEMENT_ID: rows[schema.ELEMENT_ID].to_numpy(),
            schema.ESSAY_ID: rows[schema.ESSAY_ID].to_numpy(),
            schema.ELEMENT_TYPE: rows[schema.ELEMENT_TYPE].to_numpy(),
            schema.ELEMENT_TEXT: texts,
        }
    )
    essays = pd.DataFrame({schema.ESSAY_ID: elements[schema.ESSAY_ID].unique()})
    essays[clean_tables.TEXT] = [
        clean(split.essays[key], cleaning) for key in essays[schema.ESSAY_ID]
    ]
    grouped = elements.groupby(schema.ESSAY_ID, sort=False)[schema.ELEMENT_TEXT]
    found = [
        find_elements(text, members)
        for text, (_, members) in zip(essays[clean_tables.TEXT], grouped, strict=True)
    ]
    spans = [span for its in found for span in its.spans]
    elements[clean_tables.START] = np.array([span.start for span in spans], np.int32)
    elements[clean_tables.END] = np.array([span.end for span in spans], np.int32)
    elements[clean_tables.LABEL] = _labels(rows)
    order: list[int] = []
    for its in found:
        order += [len(order) + row for row in reading_order(its.spans)]
    return CleanSplit(
        elements.iloc[order][list(COLUMNS)].reset_index(drop=True),
        essays,
        sum(its.out_of_order for its in found),
        sum(its.told_apart for its in found),
    )


def _labels(rows: pd.DataFrame) -> np.ndarray:
    if schema.LABEL_NAME not in rows:
        return np.full(len(rows), -1, np.int8)
    indices = {label: index for index, label in enumerate(schema.LABELS)}
    return rows[schema.LABEL_NAME].map(indices).to_numpy(np.int8)
