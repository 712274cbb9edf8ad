"""Make what a model's folds are trained on, and no fold: python -m commands.inputs --model tiny."""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.configured_units import trained_units
from pipeline.errors import UserError, exit_with_message
from pipeline.teachers import students


def main(argv: Sequence[str] | None = None) -> None:
    """Bring the stages before `train` up to date; DVC itself says what went wrong.

    Raises:
      UserError: the model learns from one that isn't trained yet.
    """
    parser = argparse.ArgumentParser(prog="commands.inputs", description=__doc__)
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    configuration = load_configuration()
    model = configuration.named("models", parser.parse_args(argv).model)
    learns = students(configuration.whole)
    stages = ["split", f"tokenize@{model}"]
    if model in learns:
        stage, teacher = learns[model]
        units = trained_units(configuration, teacher)
        missing = sum(not paths.weights(teacher, unit).exists() for unit in units)
        if missing:
            raise UserError(
                f"{model} learns from {teacher}, of which {missing} of {len(units)} trainings are "
                f"missing; dvc repro {stage}@{model} makes them, make folds MODEL={teacher} before "
                "it at once"
            )
        stages.append(f"{stage}@{model}")
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--quiet", *stages]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    exit_with_message(main)
