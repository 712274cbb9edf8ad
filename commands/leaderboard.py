"""Plot the ledger, out of fold against the leaderboard: `make leaderboard`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline import paths
from pipeline.errors import exit_with_message
from pipeline.kaggle import ledger
from pipeline.kaggle.leaderboard import plot
from pipeline.progress import say

PAGE = Path("dvc_plots/leaderboard.html")


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page beside DVC's own plots."""
    parser = argparse.ArgumentParser(prog="commands.leaderboard", description=__doc__)
    parser.add_argument("--ledger", type=Path, default=paths.LEDGER, help="another ledger")
    lines = ledger.read(parser.parse_args(argv).ledger)
    count = plot(lines, PAGE)
    say(f"{PAGE}: {count} scores of {len(lines)} submissions")


if __name__ == "__main__":
    exit_with_message(main)
