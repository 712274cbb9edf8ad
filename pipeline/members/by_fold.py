"""A member that is fitted fold by fold: its own essays predicted, and the test essays by each."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float
from threadpoolctl import threadpool_limits

from pipeline import paths
from pipeline.competition.schema import LABELS
from pipeline.errors import UserError
from pipeline.progress import track
from pipeline.tables.elements import Elements
from pipeline.tables.predictions import Predictions, write_tables

OfFold = Callable[
    [int, Bool[np.ndarray, " elements"]],
    tuple[Float[np.ndarray, "own labels"], Float[np.ndarray, "test labels"]],
]
"""A function from a fold, and the mask of its elements, to predictions of these and of the test."""


def write_by_fold(
    name: str,
    folds: Sequence[int],
    elements: Elements,
    test_ids: Sequence[str],
    of_fold: OfFold,
) -> None:
    """Fit and predict every fold, and write both tables of predictions.

    It runs on one thread: the last bits depend on the number of threads, and the matrices are too
    slim to gain by more.

    Args:
      name: of the member.
      folds: of the configuration.
      elements: all labelled ones.
      test_ids: of the test elements, in the order of their predictions.
      of_fold: fits to the elements outside of the mask.
    """
    out = np.zeros((len(elements), len(LABELS)))
    tables = []
    with threadpool_limits(1):
        for fold in track(folds, len(folds), "fold", name):
            own = elements.folds == fold
            out[own], tested = of_fold(fold, own)
            tables.append(tested)
    covered = np.isin(elements.folds, list(folds))
    there = elements.select(covered)
    write_tables(
        {
            paths.oof(name): Predictions(there.element_ids, there.folds, out[covered]),
            paths.test(name): Predictions(
                list(test_ids) * len(folds),
                np.repeat(np.array(folds), len(test_ids)),
                np.concatenate(tables),
            ),
        }
    )


def check_labels(elements: Elements, rows: Bool[np.ndarray, " elements"]) -> None:
    """Look for two labels among the elements to fit to.

    Raises:
      UserError: there is one.
    """
    if len(np.unique(elements.labels[rows])) < 2:
        raise UserError(f"{paths.clean('train')}: the training essays of a fold have one label")
