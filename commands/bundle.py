"""Pack what Kaggle needs to predict the hidden test: python -m commands.bundle.

Writes artifacts/bundle: the project's wheel, the folds' weights and tokenizers, the baseline, the
blend's weights, and a manifest with the sha256 of every file.
"""

import argparse
from collections.abc import Sequence

from pipeline.bundle.manifest import LIMIT
from pipeline.bundle.pack import Packer
from pipeline.bundle.rounding import DTYPES
from pipeline.configuration import load_configuration
from pipeline.errors import exit_with_message
from pipeline.progress import say
from pipeline.room import size


def main(argv: Sequence[str] | None = None) -> None:
    """Write the bundle; say its size and what it is worth."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dtype",
        choices=list(DTYPES),
        default="float32",
        help="of the weights; halves are half the size, and what they cost is measured and said",
    )
    parser.add_argument(
        "--without-external",
        action="store_true",
        help="blend anew without the members that are CSV files: they can't predict a hidden test",
    )
    arguments = parser.parse_args(argv)
    made = Packer(load_configuration(), arguments.dtype).pack(arguments.without_external)
    say(
        f"bundle: {made.folder}, {size(made.total_bytes)} of the {LIMIT / 1e9:,.0f} GB "
        f"that Kaggle takes; nested log loss {made.log_loss:.4f} out of fold"
    )


if __name__ == "__main__":
    exit_with_message(main)
