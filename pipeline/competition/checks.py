"""The schema of Kaggle's files: each mistake becomes one line that says where it is."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from pipeline.competition import schema
from pipeline.competition.rows import check_columns
from pipeline.errors import UserError

_ID: Final = r"[\w.-]+"  # an essay's names its text file
_NUMBERED: Final = rf"^(?:{'|'.join(map(re.escape, schema.TYPES))}) \d+$"

NOT_FOUND_LIMIT: Final = 0.1
"""The share of elements without a place in their essay above which a table is refused.

Of the competition's own elements 1 in 36,765 has none.
"""

_FILLED = pa.Check(lambda text: text.str.strip() != "", error="a text that is not empty")
_ONCE = pa.Check(lambda ids: ~ids.duplicated(keep="first"), error="an id that no other row has")
_NAME = pa.Check(lambda ids: ids.str.fullmatch(_ID), error="letters, digits, dots, hyphens")


def _one_of(values: Sequence[str]) -> pa.Check:
    return pa.Check(lambda found: found.isin(values), error=f"one of {', '.join(values)}")


_NUMBER = pa.Check(
    lambda found: found.str.fullmatch(_NUMBERED),
    error=f"a {schema.ELEMENT_TYPE} and a number: '{schema.TYPES[0]} 2'",
)
_SAME_TYPE = pa.Check(
    lambda table: (
        table[schema.TYPE_NUMBER].str.replace(r" \d+$", "", regex=True)
        == table[schema.ELEMENT_TYPE]
    ),
    error=f"the type that {schema.ELEMENT_TYPE} names",
    name=schema.TYPE_NUMBER,
)


def elements_schema(columns: Collection[str], labelled: bool) -> pa.DataFrameSchema:
    """The schema of a split's table, with the optional column if it is there."""
    checked = {
        schema.ELEMENT_ID: pa.Column(str, [_FILLED, _NAME, _ONCE]),
        schema.ESSAY_ID: pa.Column(str, _NAME),
        schema.ELEMENT_TEXT: pa.Column(str, _FILLED),
        schema.ELEMENT_TYPE: pa.Column(str, _one_of(schema.TYPES)),
    }
    if labelled:
        checked[schema.LABEL_NAME] = pa.Column(str, _one_of(schema.LABELS))
    if schema.TYPE_NUMBER not in columns:
        return pa.DataFrameSchema(checked)
    checked[schema.TYPE_NUMBER] = pa.Column(str, _NUMBER)
    return pa.DataFrameSchema(checked, checks=_SAME_TYPE)


SUBMISSION = pa.DataFrameSchema({schema.ELEMENT_ID: pa.Column(str, [_FILLED, _ONCE])})


def check_rows(path: Path, table: pd.DataFrame, rows: pa.DataFrameSchema) -> None:
    """Check every value of a table.

    Raises:
      UserError: the first mistake in the file, and how many further ones there are.
    """
    try:
        rows.validate(table, lazy=True)
    except SchemaErrors as errors:
        _explain(path, table, errors.failure_cases)


def _explain(path: Path, table: pd.DataFrame, cases: pd.DataFrame) -> NoReturn:
    """Raise one line on the first of pandera's findings, in order of rows and columns."""
    places = {str(name): place for place, name in enumerate(table.columns)}
    mistakes: dict[tuple[int, int], tuple[str, str]] = {}
    for case in cases.to_dict("records"):
        whole_row = case["schema_context"] == "DataFrameSchema"
        column = schema.TYPE_NUMBER if whole_row else str(case["column"])
        place = (int(case["index"]), places[column])
        mistakes.setdefault(place, (column, str(case["check"])))
    (row, _), (column, expected) = min(mistakes.items())
    value = str(table.at[row, column])
    found = value if len(value) <= 60 else f"{value[:60]}..."
    raise UserError(
        f"{path}: row {row} ({schema.ELEMENT_ID} {table.at[row, schema.ELEMENT_ID]}): "
        f"column {column!r}: found {found!r}, expected {expected}"
        f"{_more(len(mistakes), 'mistakes')}"
    )


def _more(count: int, what: str) -> str:
    """Give the end of a line that names one of `count`; empty where there are no more."""
    return f" (and {count - 1:,} more {what})" if count > 1 else ""


def check_elements(path: Path, table: pd.DataFrame, labelled: bool) -> list[str]:
    """Check a split's table; return the columns that are not used.

    Raises:
      UserError: the first mistake.
    """
    if not labelled and schema.LABEL_NAME in table.columns:
        raise UserError(
            f"{path}: found column {schema.LABEL_NAME!r}, expected a test file without labels"
        )
    expected = schema.TRAIN_COLUMNS if labelled else schema.TEST_COLUMNS
    others = check_columns(path, list(table.columns), expected)
    check_rows(path, table, elements_schema(table.columns, labelled))
    return [column for column in others if column != schema.TYPE_NUMBER]


def check_disjoint(
    train_path: Path, train: pd.DataFrame, test_path: Path, test: pd.DataFrame
) -> None:
    """Check that no element and no essay is in both files.

    Raises:
      UserError: the first id of the test file that is in the training file too.
    """
    for column in (schema.ELEMENT_ID, schema.ESSAY_ID):
        shared = test[column][test[column].isin(train[column])]
        if len(shared):
            more = _more(shared.nunique(), "ids")
            raise UserError(
                f"{test_path}: row {shared.index[0]}: column {column!r}: found {shared.iloc[0]!r}, "
                f"which is in {train_path} too, expected an id of its own{more}"
            )


def check_essays(path: Path, table: pd.DataFrame, folder: Path, essays: Mapping[str, str]) -> None:
    """Check that every essay has its text file, and every text file its essay.

    Raises:
      UserError: the first that has not.
    """
    missing = table[schema.ESSAY_ID][~table[schema.ESSAY_ID].isin(list(essays))]
    if len(missing):
        more = _more(missing.nunique(), "essays")
        raise UserError(
            f"{path}: row {missing.index[0]}: column {schema.ESSAY_ID!r}: found "
            f"{missing.iloc[0]!r}, expected a text file {folder / missing.iloc[0]}.txt{more}"
        )
    spare = sorted(set(essays) - set(table[schema.ESSAY_ID]))
    if spare:
        more = _more(len(spare), "files")
        raise UserError(
            f"{folder / spare[0]}.txt: found no row of this essay in {path}, "
            f"expected at least one{more}"
        )


def check_found(path: Path, folder: Path, elements: pd.DataFrame, not_found: pd.DataFrame) -> None:
    """Check that most elements stand in their essay; if not, texts and essays don't match.

    Raises:
      UserError: more than `NOT_FOUND_LIMIT` of the elements were not found, and more than one.
    """
    share = len(not_found) / len(elements)
    if len(not_found) > 1 and share > NOT_FOUND_LIMIT:
        first = not_found.iloc[0]
        raise UserError(
            f"{path}: {len(not_found):,} of {len(elements):,} elements ({share:.1%}) do not stand "
            f"in their essay, expected at most {NOT_FOUND_LIMIT:.0%}; the first is "
            f"{schema.ELEMENT_ID} {first[schema.ELEMENT_ID]} of "
            f"{folder / first[schema.ESSAY_ID]}.txt: do texts and essays belong together?"
        )


def check_submission(path: Path, table: pd.DataFrame, test_path: Path, test: pd.DataFrame) -> None:
    """Check that the sample holds each id of the test table once, and the classes.

    Raises:
      UserError: the first mistake.
    """
    others = check_columns(path, list(table.columns), schema.SUBMISSION_COLUMNS)
    if others:
        raise UserError(
            f"{path}: found column {others[0]!r}, expected {', '.join(schema.SUBMISSION_COLUMNS)}"
        )
    check_rows(path, table, SUBMISSION)
    ids, expected = table[schema.ELEMENT_ID], test[schema.ELEMENT_ID]
    strange, absent = ids[~ids.isin(expected)], expected[~expected.isin(ids)]
    if len(strange):
        more = _more(len(strange), "ids")
        raise UserError(
            f"{path}: row {strange.index[0]}: column {schema.ELEMENT_ID!r}: found "
            f"{strange.iloc[0]!r}, expected an id of {test_path}{more}"
        )
    if len(absent):
        more = _more(len(absent), "ids")
        raise UserError(
            f"{path}: {schema.ELEMENT_ID} {absent.iloc[0]!r} of {test_path} "
            f"(row {absent.index[0]}) is missing, expected every id once{more}"
        )
