"""Bring the competition's files into data/raw, from Kaggle or from its archive: `make data`."""

import argparse
from collections.abc import Sequence

from pipeline import paths
from pipeline.competition.address import COMPETITION
from pipeline.errors import exit_with_message
from pipeline.home import expanded
from pipeline.kaggle.client import connect
from pipeline.kaggle.data import bring, need_dvc, put_under_dvc, take
from pipeline.progress import say


def main(argv: Sequence[str] | None = None) -> None:
    """Download or take, unpack and check; put the folder under DVC; say what to do next."""
    parser = argparse.ArgumentParser(prog="commands.data", description=__doc__)
    parser.add_argument("--competition", default=COMPETITION, help="its name in Kaggle's addresses")
    parser.add_argument(
        "--zip", help="Kaggle's archive, where it is here already: needs no account"
    )
    parser.add_argument("--pause", type=float, default=1.0, help=argparse.SUPPRESS)
    wanted = parser.parse_args(argv)
    need_dvc()
    if wanted.zip is None:
        brought = bring(
            lambda: connect(wanted.pause), wanted.competition, paths.RAW, paths.DOWNLOADS
        )
    else:
        brought = take(expanded(wanted.zip), wanted.competition, paths.RAW)
    for split in paths.SPLITS:
        found = getattr(brought, split)
        say(f"{split}: {len(found.rows):,} elements of {len(found.essays):,} essays")
    tracked = put_under_dvc(paths.RAW)
    source = f"make recipe NAME=baseline, or data.source: {paths.RAW} in params.yaml"
    if tracked:
        say(f"next: git add {tracked}, then {source}")
    else:
        say(f"{paths.RAW}: a link, behind which DVC tracks nothing; next: {source}")


if __name__ == "__main__":
    exit_with_message(main)
