"""The name that a stage works on: an option, or what DVC says."""

import argparse
import os


def add_name(parser: argparse.ArgumentParser, option: str, section: str) -> None:
    """Add an option for a key of a section of params.yaml, which `DVC_STAGE` stands in for.

    DVC sets that variable to the stage's own name, as backbone@tiny. In the command itself it would
    write the name for a shell to read.
    """
    name = os.environ.get("DVC_STAGE", "").partition("@")[2] or None
    help_text = f"a key of {section} in params.yaml"
    parser.add_argument(option, default=name, required=name is None, help=help_text)
