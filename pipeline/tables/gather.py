"""Predictions of the stages, held against the configuration: no table missing, none left over."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline import paths
from pipeline.competition.schema import ELEMENT_ID, LABELS
from pipeline.entries import check_entries
from pipeline.errors import UserError
from pipeline.params import Model
from pipeline.seed_means import seed_means
from pipeline.tables.elements import Elements
from pipeline.tables.predictions import (
    Predictions,
    align,
    mean_over_folds,
    read_predictions,
)
from pipeline.units import NO_FOLD, Unit, predicting, units


def gather_folds(
    model: str, trained: Sequence[Unit], elements: Elements
) -> Float[np.ndarray, "rows labels"]:
    """Gather a model's out-of-fold probabilities; under several seeds their mean.

    Args:
      model: its name.
      trained: its units.
      elements: those of the folds, whose order the result has.

    Raises:
      UserError: a fold is missing, or has other elements than its own.
    """
    out = np.empty((len(elements), len(LABELS)))

    def gather(unit: Unit) -> Float[np.ndarray, "rows labels"]:
        own = elements.select(elements.folds == unit.fold)
        return gather_fold(paths.fold(model, unit) / "oof.parquet", unit.fold, own)

    for fold, mean in seed_means(trained, gather):
        out[elements.folds == fold] = mean
    return out


def gather_fold(path: Path, fold: int, elements: Elements) -> Float[np.ndarray, "rows labels"]:
    """Gather the probabilities that one fold's training left.

    Args:
      path: of its table.
      fold: the one that the table has to be of.
      elements: those of `fold`, whose order the result has.

    Raises:
      UserError: the table is missing, of another fold, or has other elements.
    """
    rows = read_predictions(path)
    if set(rows.folds.tolist()) - {fold}:
        raise UserError(f"{path}: expected fold {fold}, found {sorted(set(rows.folds.tolist()))}")
    return align(rows, elements.element_ids, path)


def check_members(members: Sequence[str]) -> None:
    """Hold the folders of out-of-fold and test tables against the configuration's members.

    Raises:
      UserError: a member's table is missing, or one is left of a member that is no more.
    """
    for folder in (paths.OOF, paths.TEST):
        check_entries(folder, "*.parquet", [f"{member}.parquet" for member in members])


def gather_members(
    members: Sequence[str], folds: Sequence[int], elements: Elements
) -> Float[np.ndarray, "rows members labels"]:
    """Gather every member's out-of-fold probabilities of the elements of the configuration's folds.

    Raises:
      UserError: a member's table does not hold just the elements of those folds, or puts one into
        another fold.
    """
    out = np.empty((len(elements), len(members), len(LABELS)))
    fold_of = dict(zip(elements.element_ids, elements.folds.tolist(), strict=True))
    for m, member in enumerate(members):
        path = paths.oof(member)
        rows = _of_folds(read_predictions(path), folds)
        for element_id, fold in zip(rows.element_ids, rows.folds.tolist(), strict=True):
            # A table of an earlier split has the same ids; only its folds give it away.
            if fold_of.get(element_id, fold) != fold:
                raise UserError(
                    f"{path}: {ELEMENT_ID} {element_id!r}: expected fold "
                    f"{fold_of[element_id]}, found {fold}"
                )
        out[:, m] = align(rows, elements.element_ids, path)
    return out


def folds_of_tests(
    folds: Sequence[int],
    full: Sequence[str],
    by_fold: Iterable[str],
    models: Mapping[str, Model],
    members: Iterable[str],
) -> dict[str, list[int]]:
    """Map every member to the folds of its test table.

    Args:
      folds, full, models, members: the configuration's.
      by_fold: the baseline and members of embeddings, which know no full fit.
    """
    found = {name: sorted(folds) for name in by_fold}
    for name, model in models.items():
        trained = units(sorted(folds), [], full=name in full)
        alone = model.predict.full_alone
        found[name] = [unit.fold for unit in predicting(trained, full_alone=alone)]
    return found | {name: [NO_FOLD] for name in members}


def gather_tests(
    folds: Mapping[str, Sequence[int]], element_ids: Sequence[str]
) -> Float[np.ndarray, "rows members labels"]:
    """Gather every member's test probabilities, averaged over its folds.

    A full fit beside the folds counts as one further fold.

    Args:
      folds: of each member, NO_FOLD for a full fit and for predictions of someone else.
      element_ids: of the test, in the order that the result has.

    Raises:
      UserError: a table does not hold each test element once for each of its folds.
    """
    out = np.empty((len(element_ids), len(folds), len(LABELS)))
    for m, (member, own) in enumerate(folds.items()):
        path = paths.test(member)
        rows = read_predictions(path)
        there = set(rows.folds.tolist())
        if there != set(own):
            raise UserError(f"{path}: expected folds {sorted(own)}, found {sorted(there)}")
        out[:, m] = align(mean_over_folds(rows, path), element_ids, path)
    return out


def _of_folds(rows: Predictions, folds: Sequence[int]) -> Predictions:
    """Take the rows of `folds`; an external member's table covers every fold."""
    kept = np.isin(rows.folds, list(folds))
    ids = [rows.element_ids[i] for i in np.flatnonzero(kept).tolist()]
    return Predictions(ids, rows.folds[kept], rows.probabilities[kept])
