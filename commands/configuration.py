"""Check params.yaml before DVC resolves dvc.yaml with it: python -m commands.configuration."""

from pipeline.configuration import load_configuration
from pipeline.encoders.catalogue import check_encoders
from pipeline.errors import exit_with_message


def main() -> None:
    """Check the whole configuration; say nothing where there is no mistake.

    Raises:
      ConfigurationError: one line for each mistake.
      UserError: the file cannot be read.
    """
    check_encoders(load_configuration())


if __name__ == "__main__":
    exit_with_message(main)
