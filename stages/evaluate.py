"""Evaluate one model on its out-of-fold predictions: python -m stages.evaluate --model tiny."""

import argparse
from collections.abc import Sequence

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.configured_units import trained_units
from pipeline.evaluation.evaluate import evaluate
from pipeline.progress import say
from pipeline.tables.elements import read_elements
from stages.running import run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write the model's tables, figures and plot data; say its log loss beside the priors'."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    configuration = load_configuration()
    model = configuration.named("models", parser.parse_args(argv).model)
    folds = configuration.read("folds", list)
    figures = evaluate(model, trained_units(configuration, model), read_elements(folds))
    priors = figures["priors"]
    partial = " (partial: not all folds)" if figures["partial"] else ""
    say(
        f"evaluate@{model}: log loss {figures['log_loss']:.4f} [95 % by essay: "
        f"{figures['log_loss_low']:.4f} to {figures['log_loss_high']:.4f}]{partial}; class priors "
        f"{priors['classes']:.4f}, by type {priors['types']:.4f}; {paths.metrics(model)}"
    )


if __name__ == "__main__":
    run_stage("evaluate", main)
