"""Predict the test essays with every fold of one model: python -m stages.predict --model tiny."""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.errors import exit_with_message
from pipeline.inference.folds import FoldPredictor
from pipeline.progress import say


def main(argv: Sequence[str] | None = None) -> None:
    """Write the test predictions of every fold; say how many there are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    configuration = load_configuration()
    model = configuration.named("models", parser.parse_args(argv).model)
    predictor = FoldPredictor(
        model=model,
        encoder=configuration.read(f"models.{model}.encoder", str),
        rows=configuration.read(f"models.{model}.predict", params.Rows),
        compute=configuration.read("compute", params.Compute),
    )
    count = predictor.write(configuration.read("folds", list))
    say(f"predict@{model}: {count} elements by every fold, {paths.test(model)}")


if __name__ == "__main__":
    exit_with_message(main)
