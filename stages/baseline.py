"""Fit the scikit-learn member on every fold: python -m stages.baseline."""

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.evaluation.plots import write_plots
from pipeline.members.baseline import run
from pipeline.members.features import read_texts
from pipeline.metrics import log_loss
from pipeline.progress import say
from pipeline.reserved import BASELINE
from pipeline.tables.elements import read_elements
from pipeline.tables.predictions import read_predictions
from stages.running import run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write models, predictions of the configuration's folds, plots; say the log loss."""
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    configuration = load_configuration()
    folds = configuration.read("folds", list)
    elements, knobs = read_elements(folds), configuration.read("baseline", params.Baseline)
    run(knobs, folds, elements, read_texts("train"), read_texts("test"))
    covered, held = elements.of_folds(folds), read_predictions(paths.oof(BASELINE)).probabilities
    write_plots(BASELINE, covered, held)
    loss = log_loss(covered.labels, held)
    partial = " (partial: not all folds)" if elements.partial(folds) else ""
    say(f"baseline: log loss {loss:.4f} out of fold{partial}, {paths.oof(BASELINE)}")


if __name__ == "__main__":
    run_stage("baseline", main)
