"""The labels of elements, looked up by id in a table of clean elements."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from pipeline.clean_tables import LABEL
from pipeline.competition.schema import ELEMENT_ID, LABELS
from pipeline.errors import UserError
from pipeline.tables.columns import Columns


def read_labels(
    path: Path, element_ids: Sequence[str], wanted: Bool[np.ndarray, " elements"]
) -> Int[np.ndarray, " elements"]:
    """Look up the classes of some elements by their ids in a table.

    Args:
      path: of the table; it may have other elements too.
      element_ids: of all elements.
      wanted: a mask of them.

    Returns:
      A class for each element, -1 for those that are not wanted.

    Raises:
      UserError: an element is not in the table, stands there twice, or has no class of this
        competition.
    """
    columns = Columns(path, (ELEMENT_ID, LABEL))
    ids = columns.strings(ELEMENT_ID)
    label_of = dict(zip(ids, columns.numbers(LABEL).tolist(), strict=True))
    if len(label_of) < len(ids):
        twice = next(i for i in label_of if ids.count(i) > 1)
        raise UserError(f"{path}: {ELEMENT_ID} {twice!r} stands twice, expected one {LABEL}")
    labels = np.full(len(element_ids), -1, np.int64)
    for index in np.flatnonzero(wanted).tolist():
        element_id = element_ids[index]
        found = label_of.get(element_id)
        if found is None:
            raise UserError(f"{path}: no {ELEMENT_ID} {element_id!r}; expected its {LABEL}")
        if found not in range(len(LABELS)):
            raise UserError(
                f"{path}: {ELEMENT_ID} {element_id!r}: expected a {LABEL} from 0 to "
                f"{len(LABELS) - 1}, found {found}"
            )
        labels[index] = found
    return labels
