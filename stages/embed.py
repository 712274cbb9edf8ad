"""Fit a member to a frozen encoder's embeddings: python -m stages.embed --embedding frozen."""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.graph import code_hash
from pipeline.graph.code_record import check
from pipeline.members.embeddings import run
from pipeline.metrics import log_loss
from pipeline.progress import say
from pipeline.tables.elements import read_elements
from pipeline.tables.predictions import read_predictions
from stages.running import add_name, run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write models and predictions of the configuration's folds; say the log loss."""
    parser = argparse.ArgumentParser(prog="stages.embed", description=__doc__)
    add_name(parser, "--embedding", "embeddings")
    configuration = load_configuration()
    name = configuration.named("embeddings", parser.parse_args(argv).embedding)
    options = configuration.read(f"embeddings.{name}", params.Embeddings)
    model = options.model
    encoder = configuration.read(f"models.{model}.encoder", str)
    check(paths.network(model), code_hash.network(encoder), "dvc repro")
    folds = configuration.read("folds", list)
    elements = read_elements(folds)
    settings = configuration.read(f"models.{model}.predict", params.Predict)
    run(name, options, encoder, settings, folds, elements)
    labels = elements.of_folds(folds).labels
    loss = log_loss(labels, read_predictions(paths.oof(name)).probabilities)
    partial = " (partial: not all folds)" if elements.partial(folds) else ""
    say(f"embed@{name}: log loss {loss:.4f} out of fold{partial}, {paths.oof(name)}")


if __name__ == "__main__":
    run_stage("embed", main)
