"""Pool all members and write the submission: python -m stages.ensemble."""

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.evaluation.ensemble import ensemble, predict_test
from pipeline.progress import say
from pipeline.reserved import BASELINE
from pipeline.tables.elements import read_elements
from pipeline.tables.submission import read_order, write_submission
from stages.running import run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write weights, figures and submission.csv; say the nested log loss beside the priors'."""
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    configuration = load_configuration()
    folds = configuration.read("folds", list)
    members = [
        BASELINE,
        *configuration.read("models", dict),
        *configuration.read("members", dict),
    ]
    settings = configuration.read("ensemble", params.Ensemble)
    fitted, figures = ensemble(settings, members, folds, read_elements(folds))
    order = read_order()
    write_submission(paths.SUBMISSION, order, order, predict_test(fitted, members, folds, order))
    say(
        f"ensemble: {settings.pool} pool of {len(members)} members, nested log loss "
        f"{figures['log_loss']:.4f} (in sample {figures['in_sample']:.4f}), best member "
        f"{figures['best_member']:.4f}, class priors {figures['priors']:.4f}"
    )
    if figures["partial"]:
        say(f"ensemble: partial, over folds {sorted(folds)} only; not to be submitted")
    say(f"ensemble: {paths.SUBMISSION}, {len(order)} rows")


if __name__ == "__main__":
    run_stage("ensemble", main)
