"""A hidden test with every oddity that is borne, made of the visible one.

The visible test stands in it unchanged, so that the graph's predictions of it are expected again;
each oddity is an essay or a row beside it.
"""

import csv
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.bundle.blend import ANY
from pipeline.competition import schema
from pipeline.competition.rows import read_rows
from pipeline.errors import UserError

_ID, _ESSAY, _TEXT, _TYPE = range(len(schema.TEST_COLUMNS))
# In an id: what CSV quotes, and what ends a line elsewhere.
_SIGNS = ',"\n\r\u2028\u2029\x85 '
# A prediction as near as this to the type's priors is taken for them.
_PRIOR = 1e-6

ById = Mapping[str, Float[np.ndarray, "labels"]]


@dataclass
class OddTest:
    """Expectations of a submission for an odd test.

    Attributes:
      rows: their number in the table of the test.
      oddities: what is odd, a few words each.
      order: the ids that have to be written.
      same: by id, that of the visible test with the same prediction.
      priors: by id, the type whose priors are to be written.
      predicted: by id, the type of elements that are predicted, from inputs of their own.
    """

    rows: int = 0
    oddities: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    same: dict[str, str] = field(default_factory=dict)
    priors: dict[str, str] = field(default_factory=dict)
    predicted: dict[str, str] = field(default_factory=dict)

    def compare(self, found: ById, visible: ById, priors: Mapping[str, Sequence[float]]) -> float:
        """Hold a submission to what is expected.

        Args:
          found: the submission's probabilities, in its order.
          visible: those of the visible test.
          priors: by type, as the blend has them.

        Returns:
          The largest difference from a prediction or from priors that are known.

        Raises:
          UserError: other ids, another order, or priors in the place of a prediction.
        """
        if list(found) != self.order:
            raise UserError("the odd test: expected the sample's ids in its order")
        for element, kind in self.predicted.items():
            if np.abs(found[element] - priors.get(kind, priors[ANY])).max() < _PRIOR:
                raise UserError(f"the odd test: {element!r}: expected a prediction, found priors")
        known = {element: visible[other] for element, other in self.same.items()}
        known |= {i: np.array(priors.get(kind, priors[ANY])) for i, kind in self.priors.items()}
        return max(float(np.abs(found[element] - known[element]).max()) for element in known)


def write_odd_test(source: Path, target: Path) -> OddTest:
    """Write a test in Kaggle's layout.

    Args:
      source: a folder in that layout.
      target: is made.
    """
    writer = _Writer(source, target)
    for what, act in _ODDITIES.items():
        act(writer)
        writer.made.oddities.append(what)
    return writer.finish()


class _Writer:
    """The odd test in the making.

    Attributes:
      made: what is expected so far.
      rows: of the table, in the order of the competition's columns.
      unwritten: ids that the sample lacks.
    """

    def __init__(self, source: Path, target: Path) -> None:
        self.made = OddTest()
        self.unwritten: set[str] = set()
        table = read_rows(source / schema.TABLES["test"])
        places = [table.header.index(column) for column in schema.TEST_COLUMNS]
        self.rows = [[fields[place] for place in places] for fields in table.fields]
        self.made.same = {row[_ID]: row[_ID] for row in self.rows}
        self._sampled = [
            fields[0] for fields in read_rows(source / schema.SAMPLE_SUBMISSION).fields
        ]
        self._target = target
        shutil.copytree(source / "test", target / "test")
        essays: dict[str, list[list[str]]] = {}
        for row in self.rows:
            essays.setdefault(row[_ESSAY], []).append(row)
        # The model of the odd essays: with an element for each of an oddity and some beside it.
        self._model = min(essays.values(), key=lambda rows: (len(rows) < 3, len(rows)))
        self.text = (target / f"test/{self._model[0][_ESSAY]}.txt").read_bytes()

    def copy(self, name: str, text: bytes | None) -> list[list[str]]:
        """Return the model's rows under other ids, and write its text; None writes none."""
        if text is not None:
            (self._target / f"test/{name}.txt").write_bytes(text)
        return [[f"{name}{i}", name, *row[_TEXT:]] for i, row in enumerate(self._model)]

    def add_same(self, rows: list[list[str]]) -> None:
        """Add a copy of the model whose predictions are the model's."""
        self.rows += rows
        of_model = {tuple(row[_TEXT:]): row[_ID] for row in self._model}
        self.made.same |= {row[_ID]: of_model[tuple(row[_TEXT:])] for row in rows}

    def add_predicted(self, rows: list[list[str]]) -> None:
        """Add rows that are predicted in another way than the model."""
        self.rows += rows
        self.made.predicted |= {row[_ID]: row[_TYPE] for row in rows}

    def add_priors(self, rows: list[list[str]]) -> None:
        """Add rows that get priors."""
        self.rows += rows
        self.made.priors |= {row[_ID]: row[_TYPE] for row in rows}

    def finish(self) -> OddTest:
        """Write both tables, each with a byte order mark and a blank line."""
        made = self.made
        ids = [*self._sampled, *made.same, *made.predicted, *made.priors]
        made.order = [i for i in dict.fromkeys(ids) if i not in self.unwritten]
        made.rows = len(self.rows)
        self._write(schema.TABLES["test"], schema.TEST_COLUMNS, self.rows)
        sample = [[element, *["1"] * len(schema.LABELS)] for element in made.order]
        self._write(schema.SAMPLE_SUBMISSION, schema.SUBMISSION_COLUMNS, sample)
        return made

    def _write(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        with (self._target / name).open("w", encoding="utf-8-sig", newline="") as stream:
            # Lines end in two signs, so that `csv` quotes both of them in an id.
            table = csv.writer(stream, lineterminator="\r\n")
            table.writerows([columns, [], *rows])


def _signs(test: _Writer) -> None:
    test.add_same(test.copy(f"signs{_SIGNS}", test.text))


def _type(test: _Writer) -> None:
    odd, *others = test.copy("type", test.text)
    test.add_priors([[*odd[:_TYPE], "Digression"]])
    test.add_predicted(others)


def _no_text(test: _Writer) -> None:
    test.add_priors(test.copy("absent", None))


def _empty_text(test: _Writer) -> None:
    test.add_priors(test.copy("empty", b" \n"))


def _no_utf8(test: _Writer) -> None:
    test.add_predicted(test.copy("bytes", test.text + b" \xff\xfe"))


def _line_ends(test: _Writer) -> None:
    end = "\u2028\u2029\x85\r".encode()
    test.add_predicted(test.copy("ends", test.text + end + b"And so on." + end))


def _no_place(test: _Writer) -> None:
    odd, *others = test.copy("elsewhere", test.text)
    test.add_predicted([[*odd[:_TEXT], 'Of\u2028another, "essay",\n0.', odd[_TYPE]], *others])


def _no_words(test: _Writer) -> None:
    odd, *others = test.copy("wordless", test.text)
    test.add_predicted([[*odd[:_TEXT], " ", odd[_TYPE]], *others])


def _backwards(test: _Writer) -> None:
    test.add_same(test.copy("backwards", test.text)[::-1])


def _many(test: _Writer) -> None:
    rows = test.copy("many", test.text)
    more = [[f"more{i}", "many", "So.", rows[0][_TYPE]] for i in range(40)]
    test.add_predicted([*rows, *more])


def _unwritten(test: _Writer) -> None:
    rows = test.copy("unsampled", test.text)
    test.rows += rows
    test.unwritten |= {row[_ID] for row in rows}


def _only_sampled(test: _Writer) -> None:
    test.made.priors["only,sampled"] = ANY


def _twice(test: _Writer) -> None:
    test.rows.append([*test.rows[0][:_TEXT], "Another text.", schema.TYPES[0]])


def _no_id(test: _Writer) -> None:
    test.rows.append(["", *test.rows[0][_ESSAY:]])


def _short(test: _Writer) -> None:
    test.rows.append(["short"])
    test.made.priors["short"] = ANY


_ODDITIES: Mapping[str, Callable[[_Writer], None]] = {
    "ids with commas, quotes and ends of lines": _signs,
    "an unknown type": _type,
    "an essay without its file": _no_text,
    "an empty essay": _empty_text,
    "an essay that is not UTF-8": _no_utf8,
    "an essay with other ends of lines": _line_ends,
    "an element of another essay": _no_place,
    "an element without words": _no_words,
    "rows out of order": _backwards,
    "more elements than slots": _many,
    "ids that the sample lacks": _unwritten,
    "an id that only the sample has": _only_sampled,
    "an id twice": _twice,
    "a row without an id": _no_id,
    "a short row": _short,
}
