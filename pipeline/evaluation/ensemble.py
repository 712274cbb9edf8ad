"""The ensemble: pools of members, each scored on essays that its weights never saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from jaxtyping import Float, Int

from pipeline import files, params, paths
from pipeline.competition.schema import LABELS
from pipeline.evaluation.comparison import interval
from pipeline.evaluation.evaluate import priors
from pipeline.evaluation.nesting import nested, nested_split
from pipeline.evaluation.pools import Kind, Weights, arithmetic_mean, fit, geometric_mean, pool
from pipeline.metrics import accuracy, calibration_error, log_loss, row_losses
from pipeline.tables.elements import Elements
from pipeline.tables.gather import check_members, gather_members, gather_tests
from pipeline.tables.predictions import write_predictions

_DIGITS = 6


@dataclass(frozen=True)
class Pooled:
    """One kind of pool over all rows."""

    fitted: Weights  # on all rows
    in_sample: float  # log loss on the rows that it was fitted on: flatters
    held: Float[np.ndarray, "rows labels"]  # each essay by weights fitted on others
    spread: Float[np.ndarray, " members"]  # standard deviation of the nested fits' weights


def pooled(
    kind: Kind,
    members: Float[np.ndarray, "rows members labels"],
    labels: Int[np.ndarray, " rows"],
    split: Int[np.ndarray, " rows"],
    ridge: float,
) -> Pooled:
    """Fit one kind of pool, on all rows and nested.

    Args:
      kind: of the pool.
      members: their probabilities.
      labels: the true classes.
      split: the nested part of each row; see `nested_split`.
      ridge: of a log-linear pool.
    """
    held, fits = nested(
        lambda rows: fit(kind, members[rows], labels[rows], ridge),
        lambda fitted, rows: pool(fitted, members[rows]),
        split,
    )
    fitted = fit(kind, members, labels, ridge)
    in_sample = log_loss(labels, pool(fitted, members))
    return Pooled(fitted, in_sample, held, np.std([f.weights for f in fits], axis=0))


def ensemble(
    settings: params.Ensemble, members: Sequence[str], folds: Sequence[int], labelled: Elements
) -> tuple[Weights, dict[str, Any]]:
    """Fit the pools on the members' out-of-fold tables; write weights, table and figures.

    Args:
      settings: of the configuration; all kinds of pool are reported, `pool` names the used one.
      members: every member's name.
      folds: the configuration's.
      labelled: all labelled elements; those outside `folds` count for the priors alone.

    Returns:
      The pool that is used, and the figures of `metrics/ensemble.json`.

    Raises:
      UserError: a member's table is missing, left over, or not what it should be.
    """
    check_members(members)
    elements = labelled.of_folds(folds)
    probabilities = gather_members(members, folds, elements)
    labels, partial = elements.labels, labelled.partial(folds)
    # One split for every kind of pool, so that their nested figures may be compared.
    split = nested_split(elements.essay_ids, settings.nested_folds, settings.seed)
    pools = {
        kind: pooled(kind, probabilities, labels, split, settings.ridge) for kind in get_args(Kind)
    }
    used = pools[settings.pool]
    alone = {
        name: round(log_loss(labels, probabilities[:, m]), _DIGITS)
        for m, name in enumerate(members)
    }
    means = {"arithmetic": arithmetic_mean, "geometric": geometric_mean}
    by_priors = priors(labelled, folds)
    details = {
        "pool": settings.pool,
        "partial": partial,
        "folds": sorted(folds),
        "elements": len(elements),
        "essays": len(set(elements.essay_ids)),
        **_weights(members, used),
        "interval": _interval(elements, used),
        "accuracy": round(accuracy(labels, used.held), _DIGITS),
        "ece": round(calibration_error(labels, used.held), _DIGITS),
        "pools": {
            kind: _losses(labels, found) | _weights(members, found) for kind, found in pools.items()
        },
        "means": {
            name: round(log_loss(labels, mean(probabilities)), _DIGITS)
            for name, mean in means.items()
        },
        "alone": alone,
        "priors": by_priors,
    }
    figures = _losses(labels, used) | {
        "best_member": min(alone.values()),
        "priors": by_priors["classes"],
        "partial": partial,
    }
    files.write_json(paths.ENSEMBLE / "weights.json", details)
    # Nested, so that a blend may be compared with another, or with a member.
    table = paths.ENSEMBLE / "oof.parquet"
    write_predictions(table, elements.element_ids, elements.folds, used.held)
    files.write_json(paths.metrics("ensemble"), figures)
    return used.fitted, figures


def predict_test(
    fitted: Weights, members: Sequence[str], folds: Sequence[int], element_ids: Sequence[str]
) -> Float[np.ndarray, "rows labels"]:
    """Pool the members' test predictions, each member's averaged over its folds first."""
    return pool(fitted, gather_tests(members, folds, element_ids))


def _interval(elements: Elements, found: Pooled) -> list[float]:
    """Return the interval of the nested log loss."""
    losses = row_losses(elements.labels, found.held)
    return [round(end, _DIGITS) for end in interval(losses, elements.essay_ids)]


def _losses(labels: Int[np.ndarray, " rows"], found: Pooled) -> dict[str, float]:
    return {
        "log_loss": round(log_loss(labels, found.held), _DIGITS),  # nested
        "in_sample": round(found.in_sample, _DIGITS),
    }


def _weights(members: Sequence[str], found: Pooled) -> dict[str, dict[str, float]]:
    return {
        "weights": dict(zip(members, found.fitted.weights.tolist(), strict=True)),
        "bias": dict(zip(LABELS, found.fitted.bias.tolist(), strict=True)),
        "spread": dict(zip(members, found.spread.round(4).tolist(), strict=True)),
    }
