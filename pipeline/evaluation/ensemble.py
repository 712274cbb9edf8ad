"""The ensemble: members blended, each figure scored on essays that no weight ever saw."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
from jaxtyping import Float

from pipeline import files, params, paths
from pipeline.competition.schema import LABELS
from pipeline.evaluation.blending import Blended, Fitted, Pooled, blended, pooled, split_of
from pipeline.evaluation.class_means import scaled
from pipeline.evaluation.earnings import earned
from pipeline.evaluation.evaluate import priors
from pipeline.evaluation.judging import DIGITS, Judge
from pipeline.evaluation.plots import write_plots
from pipeline.evaluation.pools import Kind, arithmetic_mean, geometric_mean, pool
from pipeline.evaluation.surroundings import read_surroundings
from pipeline.metrics import accuracy, calibration_error
from pipeline.reserved import ENSEMBLE
from pipeline.tables.elements import Elements
from pipeline.tables.gather import check_members, gather_members, gather_tests
from pipeline.tables.predictions import write_predictions


def ensemble(
    settings: params.Ensemble, members: Sequence[str], folds: Sequence[int], labelled: Elements
) -> tuple[Fitted, dict[str, Any]]:
    """Fit the blend on the members' out-of-fold tables; write weights, table, figures, plots.

    Args:
      settings: of the configuration; all kinds of pool are reported, `pool` names the used one.
      members: every member's name.
      folds: the configuration's.
      labelled: all labelled elements; those outside `folds` count for the priors alone.

    Returns:
      The blend that is used, and all that is written of it.

    Raises:
      UserError: a member's table is missing, left over, or not what it should be.
    """
    check_members(members)
    elements = labelled.of_folds(folds)
    probabilities = gather_members(members, folds, elements)
    labels, split = elements.labels, split_of(settings, elements)
    judge = Judge(labels, elements.essay_ids)
    pools = {
        kind: pooled(kind, probabilities, labels, split, settings.ridge, settings.drop)
        for kind in get_args(Kind)
    }
    used = pools[settings.pool]
    blend = blended(settings, probabilities, elements, used)
    singles = {name: probabilities[:, m] for m, name in enumerate(members)}
    means = {
        "arithmetic": arithmetic_mean(probabilities),
        "geometric": geometric_mean(probabilities),
    }
    details = {
        "pool": settings.pool,
        "partial": labelled.partial(folds),
        "folds": sorted(folds),
        "elements": len(elements),
        "essays": len(set(elements.essay_ids)),
        **_weights(members, used),
        "log_loss": judge.loss(blend.held),
        "accuracy": round(accuracy(labels, blend.held), DIGITS),
        "ece": round(calibration_error(labels, blend.held), DIGITS),
        "pools": {
            kind: _losses(judge, found) | _weights(members, found) for kind, found in pools.items()
        },
        "means": {name: judge.loss(rows) for name, rows in means.items()},
        "alone": {name: judge.loss(rows) for name, rows in singles.items()},
        "priors": priors(labelled, folds),
        "intervals": {
            "log_loss": judge.interval(blend.held),
            "accuracy": judge.accuracy_interval(blend.held),
            "pools": {kind: judge.interval(found.held) for kind, found in pools.items()},
            "means": {name: judge.interval(rows) for name, rows in means.items()},
            "alone": {name: judge.interval(rows) for name, rows in singles.items()},
        },
        "earned": {
            name: {"gain": gain, "interval": interval}
            for name, (gain, interval) in earned(
                settings, members, probabilities, labels, split, judge
            ).items()
        },
        **_choices(judge, blend),
    }
    files.write_json(paths.ENSEMBLE / "weights.json", details)
    # Nested, so that a blend may be compared with another, or with a member.
    table = paths.ENSEMBLE / "oof.parquet"
    write_predictions(table, elements.element_ids, elements.folds, blend.held)
    files.write_json(paths.metrics(ENSEMBLE), _figures(details, blend, used))
    write_plots(ENSEMBLE, elements, blend.held)
    return blend.fitted, details


def predict_test(
    fitted: Fitted, folds: Mapping[str, Sequence[int]], element_ids: Sequence[str]
) -> Float[np.ndarray, "rows labels"]:
    """Blend the members' test predictions, each averaged over its own of `folds` first."""
    probabilities = gather_tests(folds, element_ids)
    if fitted.stacker is None:
        out = pool(fitted.pool, probabilities)
    else:
        out = fitted.stacker.predict(probabilities, read_surroundings("test", element_ids))
    return out if fitted.shares is None else scaled(out, fitted.shares)


def _figures(details: Mapping[str, Any], blend: Blended, used: Pooled) -> dict[str, Any]:
    """Return the few figures that DVC shows."""
    low, high = details["intervals"]["log_loss"]
    figures = {
        "log_loss": details["log_loss"],
        "log_loss_low": low,
        "log_loss_high": high,
        "in_sample": round(used.in_sample, DIGITS),  # of the pool
        "best_member": min(details["alone"].values()),
        "priors": details["priors"]["classes"],
        "partial": details["partial"],
    }
    if blend.stacked is not None:
        figures["pool"] = details["pools"][details["pool"]]["log_loss"]
    return figures


def _choices(judge: Judge, blend: Blended) -> dict[str, Any]:
    """Return the worth of what is chosen beside the pool: the stacker, and scaling."""
    gain, interval = judge.gain(blend.by_shares, blend.unscaled)
    found: dict[str, Any] = {"class_means": {"gain": gain, "interval": interval}}
    if blend.stacked is not None:
        gain, interval = judge.gain(blend.stacked.held, blend.pooled.held)
        weights = blend.stacked.fitted.blend.weights.tolist()
        found["stacker"] = {
            "log_loss": judge.loss(blend.stacked.held),
            "gain": gain,
            "interval": interval,
            "weights": dict(zip(("pool", "trees"), weights, strict=True)),
        }
    return found


def _losses(judge: Judge, found: Pooled) -> dict[str, float]:
    return {
        "log_loss": judge.loss(found.held),  # nested
        "in_sample": round(found.in_sample, DIGITS),
    }


def _weights(members: Sequence[str], found: Pooled) -> dict[str, dict[str, float]]:
    return {
        "weights": dict(zip(members, found.fitted.weights.tolist(), strict=True)),
        "bias": dict(zip(LABELS, found.fitted.bias.tolist(), strict=True)),
        "spread": dict(zip(members, found.spread.round(4).tolist(), strict=True)),
    }
