"""The clean elements with the folds of their essays, against which every member is held."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE, LABEL
from pipeline.competition.schema import ELEMENT_ID, ELEMENT_TYPE, ESSAY_ID
from pipeline.errors import UserError
from pipeline.tables.columns import Columns
from pipeline.tables.essay_folds import folds_of, read_folds


@dataclass(frozen=True)
class Elements:
    """Labelled elements, in the order of their table."""

    element_ids: list[str]
    essay_ids: list[str]
    types: list[str]
    labels: Int[np.ndarray, " rows"]
    folds: Int[np.ndarray, " rows"]

    def __len__(self) -> int:
        return len(self.element_ids)

    def select(self, rows: Bool[np.ndarray, " rows"]) -> "Elements":
        """Return the elements of a mask."""
        where = np.flatnonzero(rows).tolist()
        return Elements(
            [self.element_ids[i] for i in where],
            [self.essay_ids[i] for i in where],
            [self.types[i] for i in where],
            self.labels[rows],
            self.folds[rows],
        )

    def of_folds(self, folds: Sequence[int]) -> "Elements":
        """Return the elements whose essays stand in `folds`."""
        return self.select(np.isin(self.folds, list(folds)))

    def partial(self, folds: Sequence[int]) -> bool:
        """Tell whether `folds` leave essays out; their figures are then not those of the whole."""
        return set(folds) != set(self.folds.tolist())


def read_elements(folds: Sequence[int] = ()) -> Elements:
    """Read all labelled elements with their folds.

    Args:
      folds: the configuration's, where they matter; all of them have to be there.

    Raises:
      UserError: an essay has no fold, or a fold of the configuration has no essay.
    """
    path = paths.clean("train") / ELEMENTS_FILE
    columns = Columns(path, [ELEMENT_ID, ESSAY_ID, ELEMENT_TYPE, LABEL])
    fold_of = read_folds()
    essays = columns.strings(ESSAY_ID)
    of_essays = folds_of(essays, fold_of)
    absent = sorted(set(folds) - set(fold_of.values()))
    if absent:
        raise UserError(
            f"params.yaml: folds: no essay in fold {absent[0]}, {paths.FOLDS} has "
            f"{sorted(set(fold_of.values()))}"
        )
    return Elements(
        element_ids=columns.strings(ELEMENT_ID),
        essay_ids=essays,
        types=columns.strings(ELEMENT_TYPE),
        labels=columns.numbers(LABEL).astype(np.int64),
        folds=of_essays,
    )


def read_test_ids() -> list[str]:
    """Read the ids of the test elements, in the order of their table."""
    return Columns(paths.clean("test") / ELEMENTS_FILE, [ELEMENT_ID]).strings(ELEMENT_ID)
