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
from pipeline.refusals import reason

ESSAYS: Final = 3000
"""About so many has the hidden test, by the competition's page."""

csv.field_size_limit(2**31 - 1)


class Hidden:
    """The test set in Kaggle's layout; essays are read when they are asked for.

    Attributes:
      order: the ids of the submission.
      types: the type of each element, by id.
      essays: the essays' ids in the order of their first rows; those with an element of a known
        type.
      notes: what was odd, a line each.
    """

    def __init__(self, folder: Path) -> None:
        """Read the tables of `folder`; a row without an id, or with one seen before, is left out.

        Raises:
          UserError: the table can't be read, or holds no id below its header.
        """
        self._texts = folder / "test"
        self.notes: list[str] = []
        rows = self._rows(folder / schema.TABLES["test"], schema.TEST_COLUMNS)
        if not rows:
            raise UserError(f"{folder}: {self.notes[-1]}")
        self._table = pd.DataFrame(rows, columns=list(schema.TEST_COLUMNS), dtype=str)
        ids = self._table[schema.ELEMENT_ID].tolist()
        self.types = dict(zip(ids, self._table[schema.ELEMENT_TYPE], strict=True))
        self._note_types()
        self.order = self._order(folder / schema.SAMPLE_SUBMISSION, ids)
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, (essay, kind) in enumerate(
            zip(self._table[schema.ESSAY_ID], self._table[schema.ELEMENT_TYPE], strict=True)
        ):
            if kind in schema.TYPES:
                self._places[essay].append(place)
        self.essays = list(self._places)

    def split(self, essays: Sequence[str]) -> RawSplit:
        """Return the rows of known types and the texts of some essays.

        Raises:
          UserError: a text is not there.
        """
        rows = self._table.iloc[[place for essay in essays for place in self._places[essay]]]
        return RawSplit(rows, {essay: self._read(essay) for essay in essays}, [])

    def elements(self, essay: str) -> int:
        """Count the elements of an essay that have a known type."""
        return len(self._places[essay])

    def _read(self, essay: str) -> str:
        path = self._texts / f"{essay}.txt"
        try:
            text = path.read_bytes().decode("utf-8-sig", "replace")
        except OSError as error:
            raise UserError(f"{path.name}: {reason(error)}") from None
        if not text.strip():
            raise UserError(f"{path.name}: empty")
        return text

    def _note_types(self) -> None:
        # No model knows the type, so its elements alone go without a prediction.
        unknown = [(i, kind) for i, kind in self.types.items() if kind not in schema.TYPES]
        if unknown:
            self.notes.append(
                f"{schema.TABLES['test']}: {len(unknown):,} rows with an unknown "
                f"{schema.ELEMENT_TYPE}: the first is {schema.ELEMENT_ID} {unknown[0][0]!r} with "
                f"{unknown[0][1]!r}"
            )

    def _order(self, path: Path, ids: list[str]) -> list[str]:
        """Return the sample's ids where it is of this test, and the test's own elsewhere.

        Kaggle replaces the table by the hidden one, and not always the sample of the visible one.
        """
        order = [row[0] for row in self._rows(path, (schema.ELEMENT_ID,))]
        table = schema.TABLES["test"]
        sampled, known = set(order), set(ids)
        if not sampled & known:
            if order:
                self.notes.append(
                    f"{path.name}: no id of {table} is in it: those of {table} are written"
                )
            return ids
        unwanted = [i for i in ids if i not in sampled]
        unknown = [i for i in order if i not in known]
        if unwanted:
            self.notes.append(f"{path.name}: {_some(unwanted)} of {table} not in it: not written")
        if unknown:
            self.notes.append(f"{path.name}: {_some(unknown)} not in {table}: priors are written")
        return order

    def _rows(self, path: Path, columns: Sequence[str]) -> list[list[str]]:
        """Read a table whose first column is the id; note what can't be read and leave it out."""
        try:
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
                reader = csv.reader(stream)
                header = next(reader, [])
                missing = [column for column in columns if column not in header]
                if missing:
                    self.notes.append(f"{path.name}: no column {missing[0]!r}")
                    return []
                places = [header.index(column) for column in columns]
                found = self._checked(reader, path.name, places)
        except OSError as error:
            self.notes.append(f"{path.name}: {reason(error)}")
            return []
        if not found:
            self.notes.append(f"{path.name}: found no id below the header, expected some")
        return found

    def _checked(
        self, reader: Iterator[list[str]], name: str, places: Sequence[int]
    ) -> list[list[str]]:
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


def _some(ids: Sequence[str]) -> str:
    return f"{len(ids):,} ids (the first: {ids[0]!r})"
