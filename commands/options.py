"""Print every option of params.yaml, those that are off included: `make options`."""

from pipeline.errors import exit_with_message
from pipeline.options import described
from pipeline.progress import say


def main() -> None:
    """Print key, type, default and a sentence of each."""
    for line in described():
        say(line)


if __name__ == "__main__":
    exit_with_message(main)
