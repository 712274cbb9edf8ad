"""Check params.yaml before DVC resolves dvc.yaml with it: python -m commands.configuration."""

import sys

from pipeline.configuration import ConfigurationError, load_configuration
from pipeline.encoders.catalogue import check_encoders
from pipeline.errors import exit_with_message


def main() -> None:
    """Print a line for each mistake and end with status 1; say nothing where there is none.

    Raises:
      UserError: the file cannot be read.
    """
    try:
        check_encoders(load_configuration())
    except ConfigurationError as error:
        for line in error.lines:
            print(f"error: {line}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    exit_with_message(main)
