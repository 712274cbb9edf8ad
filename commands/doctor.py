"""List what keeps params.yaml from running, before the first stage does: `make doctor`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.doctor.examine import examine
from pipeline.errors import complain, exit_with_message
from pipeline.platforms import BUILDS
from pipeline.progress import say


def main(argv: Sequence[str] | None = None) -> None:
    """Print a line for each finding; end with status 1 where one of them is an error."""
    parser = argparse.ArgumentParser(prog="commands.doctor", description=__doc__)
    parser.add_argument(
        "--accelerator", choices=list(BUILDS.values()), help="the build that make was asked for"
    )
    parser.add_argument("--model", help="a key of models in params.yaml; of this one alone")
    wanted = parser.parse_args(argv)
    found = examine(Path("params.yaml"), wanted.accelerator, wanted.model)
    for finding in found:
        if finding.error:
            complain(f"error: {finding.text}")
        else:
            say(f"note: {finding.text}")
    if any(finding.error for finding in found):
        raise SystemExit(1)
    say("nothing stands in the way of this configuration")


if __name__ == "__main__":
    exit_with_message(main)
