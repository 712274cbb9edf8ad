"""One split as Kaggle has it, and its clean tables: texts cleaned, elements found in essays."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import params
from pipeline.competition import schema
from pipeline.competition.cleaning import clean
from pipeline.competition.spans import find_spans


@dataclass(frozen=True)
class Split:
    """One split as Kaggle has it: its rows, its essays by id, the columns that nothing uses."""

    rows: pd.DataFrame
    essays: Mapping[str, str]
    unused: list[str]


@dataclass(frozen=True)
class Clean:
    """One split's clean tables, as interfaces between stages have them."""

    elements: pd.DataFrame
    essays: pd.DataFrame


def clean_split(split: Split, cleaning: params.Clean) -> Clean:
    """Clean texts, bring each essay's elements together, and find where they stand.

    Essays come in the order of their first rows; elements stay in the file's order.
    """
    essay_ids = split.rows[schema.ESSAY_ID]
    order = np.argsort(pd.factorize(essay_ids)[0], kind="stable")
    rows = split.rows.iloc[order]
    texts = [clean(text, cleaning).strip() for text in rows[schema.DISCOURSE_TEXT]]
    elements = pd.DataFrame(
        {
            schema.DISCOURSE_ID: rows[schema.DISCOURSE_ID].to_numpy(),
            schema.ESSAY_ID: rows[schema.ESSAY_ID].to_numpy(),
            schema.DISCOURSE_TYPE: rows[schema.DISCOURSE_TYPE].to_numpy(),
            schema.DISCOURSE_TEXT: texts,
        }
    )
    essays = pd.DataFrame({schema.ESSAY_ID: elements[schema.ESSAY_ID].unique()})
    essays[schema.TEXT] = [clean(split.essays[key], cleaning) for key in essays[schema.ESSAY_ID]]
    grouped = elements.groupby(schema.ESSAY_ID, sort=False)[schema.DISCOURSE_TEXT]
    spans = [
        span
        for text, (_, members) in zip(essays[schema.TEXT], grouped, strict=True)
        for span in find_spans(text, members)
    ]
    elements[schema.START] = np.array([span.start for span in spans], np.int32)
    elements[schema.END] = np.array([span.end for span in spans], np.int32)
    elements[schema.LABEL] = _labels(rows)
    return Clean(elements[list(schema.ELEMENT_COLUMNS)], essays)


def _labels(rows: pd.DataFrame) -> np.ndarray:
    if schema.EFFECTIVENESS not in rows:
        return np.full(len(rows), -1, np.int8)
    indices = {label: index for index, label in enumerate(schema.LABELS)}
    return rows[schema.EFFECTIVENESS].map(indices).to_numpy(np.int8)
