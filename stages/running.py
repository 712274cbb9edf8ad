"""The start of a stage: its name from the command line, its code held to the graph's record."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.errors import exit_with_message
from pipeline.graph import code_hash
from pipeline.graph.code_record import check


def run_stage(
    stage: str, main: Callable[[], None], network: Callable[[str], Path] | None = None
) -> None:
    """Run a stage, unless its code has changed since the graph hashed it.

    DVC runs `code` before any other stage, but not under --single-item. Outputs would then stand
    in dvc.lock as made by the former code.

    Args:
      stage: its module in this package.
      main: the stage's own.
      network: the record of the network's code, by the model's name, of a stage that runs one.
    """

    def on_known_code() -> None:
        check(paths.code(stage), stage, "dvc repro --single-item code")
        model = _model()
        if network is not None and model is not None:
            configuration = load_configuration()
            record = network(configuration.named("models", model))
            check(record, code_hash.network(configuration.whole.models[model].encoder), "dvc repro")
        main()

    exit_with_message(on_known_code)


def add_name(parser: argparse.ArgumentParser, option: str, section: str) -> None:
    """Add an option for a key of a section of params.yaml, which `DVC_STAGE` stands in for.

    DVC sets that variable to the stage's own name, as backbone@tiny. In the command itself it would
    write the name for a shell to read.
    """
    name = _name()
    help_text = f"a key of {section} in params.yaml"
    parser.add_argument(option, default=name, required=name is None, help=help_text)


def _model() -> str | None:
    """Read the model off the command line; None where `main` will ask for it."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--model", default=_name())
    return parser.parse_known_args()[0].model


def _name() -> str | None:
    return os.environ.get("DVC_STAGE", "").partition("@")[2] or None
