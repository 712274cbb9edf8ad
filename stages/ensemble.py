"""Pool all members and write the submission: python -m stages.ensemble."""

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.delivery.submission import read_order, write_submission
from pipeline.errors import exit_with_message
from pipeline.evaluation.ensemble import ensemble, predict_test
from pipeline.members.elements import read_elements
from pipeline.progress import say


def main(argv: Sequence[str] | None = None) -> None:
    """Write weights, figures and submission.csv; say the nested log loss beside the priors'."""
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    board = params.load()
    folds = board.read("folds", list)
    members = ["baseline", *board.read("models", dict), *board.read("members", dict)]
    settings = board.read("ensemble", params.Ensemble)
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
    exit_with_message(main)
