"""Predict the test essays with every fold of one model: python -m stages.predict --model tiny."""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.configured_units import trained_units
from pipeline.inference.folds import predict_folds
from pipeline.progress import say
from pipeline.tables.predictions import write_tables
from stages.running import run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write the test predictions of every fold; say how many, and what computed and trained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    configuration = load_configuration()
    model = configuration.named("models", parser.parse_args(argv).model)
    made = predict_folds(
        model,
        encoder=configuration.read(f"models.{model}.encoder", str),
        settings=configuration.read(f"models.{model}.predict", params.Predict),
        trained=trained_units(configuration, model),
        windows=paths.tokens(model, "test"),
    )
    write_tables({paths.test(model): made.rows})
    say(
        f"predict@{model}: {len(made.element_ids)} elements by {made.by} on {made.computed}, "
        f"trained on {made.trained}; {paths.test(model)}"
    )


if __name__ == "__main__":
    run_stage("predict", main, paths.network)
