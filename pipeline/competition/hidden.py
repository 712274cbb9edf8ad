"""The hidden test, read leniently: an odd row costs its elements, never the run."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from pipeline.competition import schema
from pipeline.competition.clean_split import RawSplit
from pipeline.errors import UserError

ESSAYS: Final = 3000
"""About so many has the hidden test, by the competition's page."""

csv.field_size_limit(2**31 - 1)


class Hidden:
    """The test set in Kaggle's layout; essays are read when they are asked for.

    Attributes:
      order: the ids of the submission.
      types: the type of each element, by id.
      essays: the essays' ids in the order of their first rows.
      notes: what was odd, a line each.
    """

    def __init__(self, folder: Path) -> None:
        """Read the tables of `folder`; a row without an id, or with one seen before, is left out.

        Raises:
          UserError: neither table is there with its ids, so that there is nothing to submit.
        """
        self._texts = folder / "test"
        self.notes: list[str] = []
        rows = self._rows(folder / schema.TABLES["test"], schema.TEST_COLUMNS)
        self._table = pd.DataFrame(rows, columns=list(schema.TEST_COLUMNS), dtype=str)
        ids = self._table[schema.ELEMENT_ID].tolist()
        self.types = dict(zip(ids, self._table[schema.ELEMENT_TYPE], strict=True))
        self.order = self._order(folder / schema.SAMPLE_SUBMISSION, ids)
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, essay in enumerate(self._table[schema.ESSAY_ID]):
            self._places[essay].append(place)
        self.essays = list(self._places)

    def split(self, essays: Sequence[str]) -> RawSplit:
        """Return the rows and texts of some essays.

        Raises:
          UserError: a text is not there, or an element's type is unknown.
        """
        rows = self._table.iloc[[place for essay in essays for place in self._places[essay]]]
        for kind in rows[schema.ELEMENT_TYPE]:
            if kind not in schema.TYPES:
                raise UserError(f"unknown {schema.ELEMENT_TYPE} {kind!r}")
        return RawSplit(rows, {essay: self._read(essay) for essay in essays}, [])

    def elements(self, essay: str) -> int:
        """Count the elements of an essay."""
        return len(self._places[essay])

    def _read(self, essay: str) -> str:
        path = self._texts / f"{essay}.txt"
        try:
            text = path.read_bytes().decode("utf-8-sig", "replace")
        except OSError as error:
            raise UserError(f"{path.name}: {error.strerror}") from None
        if not text.strip():
            raise UserError(f"{path.name}: empty")
        return text

    def _order(self, path: Path, ids: list[str]) -> list[str]:
        order = [row[0] for row in self._rows(path, (schema.ELEMENT_ID,))]
        known = set(order)
        absent = [i for i in ids if i not in known]
        if order and absent:
            self.notes.append(f"{path.name}: {len(absent):,} ids of the test set are not in it")
        if not order and not ids:
            raise UserError(f"{path.parent}: no id in {schema.TABLES['test']} or {path.name}")
        # An id that only the table has is predicted too: the submission lacks none.
        return order + absent

    def _rows(self, path: Path, columns: Sequence[str]) -> list[list[str]]:
        """Read a table whose first column is the id; note what can't be read and leave it out."""
        try:
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
                return self._checked(csv.reader(stream), path.name, columns)
        except OSError as error:
            self.notes.append(f"{path.name}: {error.strerror}")
            return []

    def _checked(
        self, reader: Iterator[list[str]], name: str, columns: Sequence[str]
    ) -> list[list[str]]:
        header = next(reader, [])
        missing = [column for column in columns if column not in header]
        if missing:
            self.notes.append(f"{name}: no column {missing[0]!r}")
            return []
        places = [header.index(column) for column in columns]
        found: dict[str, list[str]] = {}
        odd: Counter[str] = Counter()
        for fields in reader:
            row = [fields[place] if place < len(fields) else "" for place in places]
            if row[0] and row[0] not in found:
                found[row[0]] = row
            elif fields:
                odd["an id seen before" if row[0] else "no id"] += 1
        self.notes += [f"{name}: {n:,} rows with {what}" for what, n in sorted(odd.items())]
        return list(found.values())
