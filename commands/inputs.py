"""Make what a model's folds are trained on, and no fold: python -m commands.inputs --model tiny.

For a model that learns from soft labels that is all of its teacher's folds too.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from pipeline.configuration import load_configuration
from pipeline.errors import exit_with_message
from pipeline.teachers import students


def main(argv: Sequence[str] | None = None) -> None:
    """Bring the stages before `train` up to date; DVC itself says what went wrong."""
    parser = argparse.ArgumentParser(prog="commands.inputs", description=__doc__)
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    configuration = load_configuration()
    model = configuration.named("models", parser.parse_args(argv).model)
    learns = students(configuration.whole)
    soft = [learns[model].stage] if model in learns else []
    stages = ["split", f"tokenize@{model}", *soft]
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--quiet", *stages]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    exit_with_message(main)
