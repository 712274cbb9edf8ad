"""Hold `make spread` to the run without a cluster, on this machine: `make spread-check`.

Checks the files in cluster/ by Ray's own schema; then trains the sample on a cluster of three nodes
here, presses Ctrl-C, goes on, and lets a node die in the middle of a fold. Ends in the sha256 of
both submissions, which have to be one.
"""

import argparse
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.cluster.launcher import check
from pipeline.cluster.ray_settings import set_up
from pipeline.cluster.rehearsal import rehearse
from pipeline.errors import exit_with_message, naming
from pipeline.progress import say

FILES = (Path("cluster/gcp-tpu.yaml"), Path("cluster/local.yaml"))


def main(argv: Sequence[str] | None = None) -> None:
    """Check the files, then the runs."""
    parser = argparse.ArgumentParser(
        prog="commands.spread_check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=1, help="at random moments where more than 1")
    parser.add_argument("--seed", type=int, help="of the moments; a new one if none")
    wanted = parser.parse_args(argv)
    set_up(starts_here=True)
    check(FILES)
    say(f"{', '.join(map(str, FILES))}: taken by Ray's own schema")
    seed = secrets.randbelow(10**6) if wanted.seed is None else wanted.seed
    say(f"seed {seed}")
    with tempfile.TemporaryDirectory() as scratch, naming(Path("scratch"), Path(scratch)):
        rehearse(Path.cwd(), Path(scratch), wanted.kills, seed)


if __name__ == "__main__":
    exit_with_message(main)
