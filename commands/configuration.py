"""Check params.yaml before DVC resolves dvc.yaml with it: python -m commands.configuration."""

from pipeline.configuration import ConfigurationError, load_configuration
from pipeline.encoders.catalogue import check_encoders
from pipeline.errors import complain, exit_with_message


def main() -> None:
    """Print a line for each mistake and end with status 1; say nothing where there is none.

    Raises:
      UserError: the file cannot be read.
    """
    try:
        check_encoders(load_configuration())
    except ConfigurationError as error:
        for line in error.lines:
            complain(f"error: {line}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    exit_with_message(main)
