"""Pool all members and write the submission: python -m stages.ensemble."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.configured_members import configured_members
from pipeline.evaluation.ensemble import ensemble, predict_test
from pipeline.progress import say
from pipeline.reserved import BASELINE
from pipeline.tables.elements import read_elements
from pipeline.tables.gather import folds_of_tests
from pipeline.tables.submission import read_order, write_submission
from stages.running import run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write weights, figures and submission.csv; say the nested log loss beside the priors'."""
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    configuration = load_configuration()
    folds = configuration.read("folds", list)
    models, external = configuration.read("models", dict), configuration.read("members", dict)
    fitted_by_fold = [BASELINE, *configuration.read("embeddings", dict)]
    members = configured_members(configuration)
    settings = configuration.read("ensemble", params.Ensemble)
    fitted, found = ensemble(settings, members, folds, read_elements(folds))
    order = read_order()
    full = configuration.read("full", list)
    by = folds_of_tests(folds, full, fitted_by_fold, models, external)
    test = predict_test(fitted, by, order)
    write_submission(paths.SUBMISSION, order, order, test)
    _say(found, len(members))
    say(f"ensemble: {paths.SUBMISSION}, {len(order)} rows")


def _say(found: Mapping[str, Any], members: int) -> None:
    """Say the figures that count, each held-out one with its interval by essay."""
    pool = found["pools"][found["pool"]]
    for name, worth in sorted(found["earned"].items(), key=lambda one: -one[1]["gain"]):
        say(f"ensemble: {name} earns {worth['gain']:+.4f} {_interval(worth['interval'])}")
    if "stacker" in found:
        worth = found["stacker"]
        say(
            f"ensemble: stacker, nested log loss {worth['log_loss']:.4f} instead of the pool's "
            f"{pool['log_loss']:.4f}: it earns {worth['gain']:+.4f} {_interval(worth['interval'])}"
        )
    blend = f"{found['pool']} pool{' and stacker' if 'stacker' in found else ''}"
    say(
        f"ensemble: {blend} of {members} members, nested log loss "
        f"{found['log_loss']:.4f} {_interval(found['intervals']['log_loss'])} (the pool in sample "
        f"{pool['in_sample']:.4f}), best member {min(found['alone'].values()):.4f}, class priors "
        f"{found['priors']['classes']:.4f}"
    )
    if found["partial"]:
        say(f"ensemble: partial, over folds {found['folds']} only; not to be submitted")


def _interval(bounds: Sequence[float]) -> str:
    low, high = bounds
    return f"[95 % by essay: {low:.4f} to {high:.4f}]"


if __name__ == "__main__":
    run_stage("ensemble", main)
