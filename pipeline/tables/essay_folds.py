"""The map from essays to folds, as `split` wrote it."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Int

from pipeline import paths
from pipeline.clean_tables import FOLD
from pipeline.competition.schema import ESSAY_ID
from pipeline.errors import UserError
from pipeline.tables.columns import Columns


def read_folds() -> Mapping[str, int]:
    """Read the fold of every essay.

    Raises:
      UserError: the table is missing or damaged.
    """
    table = Columns(paths.FOLDS, [ESSAY_ID, FOLD])
    return dict(zip(table.strings(ESSAY_ID), table.numbers(FOLD).tolist(), strict=True))


def folds_of(essays: Sequence[str], fold_of: Mapping[str, int]) -> Int[np.ndarray, " rows"]:
    """Return the fold of each row's essay.

    Args:
      essays: the essay of each row.
      fold_of: from `read_folds`.

    Raises:
      UserError: an essay has no fold.
    """
    missing = [essay for essay in essays if essay not in fold_of]
    if missing:
        raise UserError(
            f"{paths.FOLDS}: no fold for essay {missing[0]!r} ({len(set(missing))} in all); "
            "run `dvc repro split`"
        )
    return np.array([fold_of[essay] for essay in essays], np.int64)


def held_out(essays: Sequence[str], fold: int) -> Bool[np.ndarray, " rows"]:
    """Mask the rows whose essays stand in `fold`.

    Args:
      essays: the essay of each row, such as a window of tokens.
      fold: the one that is not trained on.

    Raises:
      UserError: an essay has no fold, or this fold has no row or every row.
    """
    held = folds_of(essays, read_folds()) == fold
    if not held.any() or held.all():
        raise UserError(f"{paths.FOLDS}: fold {fold} has {held.sum()} of {len(held)} rows")
    return held
