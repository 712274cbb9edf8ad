"""A model's evaluation: out-of-fold table, figures by fold and type, data of the plots."""

import csv
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline import files, paths
from pipeline.competition.schema import TYPES
from pipeline.entries import UNITS, check_entries
from pipeline.errors import UserError
from pipeline.evaluation.calibration import temperature
from pipeline.evaluation.judging import Judge
from pipeline.evaluation.plots import write_plots, write_table
from pipeline.evaluation.priors import class_priors, type_priors
from pipeline.metrics import accuracy, calibration_error, log_loss
from pipeline.tables.elements import Elements
from pipeline.tables.gather import gather_folds
from pipeline.tables.predictions import write_predictions
from pipeline.units import Unit

_HISTORY = ("step", "epoch", "series", "loss")
_DIGITS = 6


def evaluate(model: str, trained: Sequence[Unit], labelled: Elements) -> dict[str, Any]:
    """Gather a model's folds; write its out-of-fold table, figures and plots.

    Args:
      model: its name.
      trained: its units; a full fit among them has a learning curve alone.
      labelled: all labelled elements; those of other folds count for the priors alone.

    Returns:
      The few figures of `metrics/<model>.json`, the interval of the log loss, and the priors'.

    Raises:
      UserError: a fold is missing, left over, or not what it should be.
    """
    held_out = [unit for unit in trained if not unit.full]
    folds = sorted({unit.fold for unit in held_out})
    elements = labelled.of_folds(folds)
    check_entries(paths.fold(model), UNITS, [unit.name for unit in trained])
    probabilities = gather_folds(model, held_out, elements)
    write_predictions(paths.oof(model), elements.element_ids, elements.folds, probabilities)
    partial = labelled.partial(folds)
    overall = scores(elements, probabilities)
    warm = temperature(elements.labels, probabilities, elements.essay_ids)
    details = {
        "model": model,
        "partial": partial,
        "essays": len(set(elements.essay_ids)),
        "overall": overall,
        "folds": {
            str(fold): scores(*_part(elements, probabilities, elements.folds == fold))
            for fold in folds
        },
        "types": {
            kind: scores(*_part(elements, probabilities, mask))
            for kind in TYPES
            if (mask := np.array(elements.types) == kind).any()
        },
        **_by_seed(model, held_out, elements),
        "priors": priors(labelled, folds),
        "temperature": {
            "fitted": round(warm.fitted, 4),
            "nested_log_loss": round(warm.nested_log_loss, _DIGITS),
        },
    }
    figures = {key: overall[key] for key in ("log_loss", "accuracy", "ece")}
    low, high = overall["log_loss_interval"]
    figures |= {"log_loss_low": low, "log_loss_high": high}
    figures |= {"partial": partial, "folds": len(folds)}
    files.write_json(paths.evaluation(model), details)
    files.write_json(paths.metrics(model), figures)
    write_table(
        paths.plots(model) / "learning.csv",
        ("model", "fold", *_HISTORY),
        _learning(model, trained),
    )
    write_plots(model, elements, probabilities)
    return figures | {"priors": details["priors"]}


def scores(elements: Elements, probabilities: Float[np.ndarray, "rows labels"]) -> dict[str, Any]:
    """Return log loss, accuracy and expected calibration error of some elements.

    The first two have intervals, by a bootstrap over essays.
    """
    judge = Judge(elements.labels, elements.essay_ids)
    return {
        "elements": len(elements),
        "log_loss": round(log_loss(elements.labels, probabilities), _DIGITS),
        "log_loss_interval": judge.interval(probabilities),
        "accuracy": round(accuracy(elements.labels, probabilities), _DIGITS),
        "accuracy_interval": judge.accuracy_interval(probabilities),
        "ece": round(calibration_error(elements.labels, probabilities), _DIGITS),
    }


def priors(labelled: Elements, folds: Sequence[int]) -> dict[str, float]:
    """Return the log loss of the other folds' class shares, over all types and by type."""
    covered = np.isin(labelled.folds, list(folds))
    by = {
        "classes": class_priors(labelled.labels, labelled.folds),
        "types": type_priors(labelled.labels, labelled.folds, labelled.types),
    }
    return {
        name: round(log_loss(labelled.labels[covered], rows[covered]), _DIGITS)
        for name, rows in by.items()
    }


def _by_seed(model: str, trained: Sequence[Unit], elements: Elements) -> dict[str, Any]:
    """Score every seed alone, where there are several; their mean is what the model predicts."""
    seeds = list(dict.fromkeys(unit.seed for unit in trained))
    if len(seeds) == 1:
        return {}
    alone = {
        "own" if seed is None else str(seed): gather_folds(
            model, [unit for unit in trained if unit.seed == seed], elements
        )
        for seed in seeds
    }
    return {"seeds": {name: scores(elements, rows) for name, rows in alone.items()}}


def _part(
    elements: Elements, probabilities: Float[np.ndarray, "rows labels"], mask: np.ndarray
) -> tuple[Elements, Float[np.ndarray, "part labels"]]:
    return elements.select(mask), probabilities[mask]


def _learning(model: str, trained: Sequence[Unit]) -> Iterable[tuple[str, ...]]:
    for unit in sorted(trained, key=lambda unit: (unit.full, unit.fold)):
        path = paths.fold(model, unit) / "history.csv"
        try:
            with path.open(newline="", encoding="utf-8") as stream:
                rows = csv.DictReader(stream)
                if tuple(rows.fieldnames or ()) != _HISTORY:
                    raise UserError(f"{path}: expected columns {_HISTORY}, found {rows.fieldnames}")
                for row in rows:
                    yield (model, str(unit), *(row[column] for column in _HISTORY))
        except FileNotFoundError:
            raise UserError(f"{path}: not found") from None
