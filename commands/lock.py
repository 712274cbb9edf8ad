"""Mend a dvc.lock that was cut short, before a run: python -m commands.lock.

With --keep, after a run that ended well, copy it; the copy is put back after one that was killed.
"""

import argparse
from collections.abc import Sequence

from pipeline.errors import exit_with_message
from pipeline.graph import lock_repair
from pipeline.graph.repository import opened
from pipeline.progress import say


def main(argv: Sequence[str] | None = None) -> None:
    """Mend the lock, or keep a copy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", action="store_true", help="copy the lock of a run that is done")
    if parser.parse_args(argv).keep:
        lock_repair.keep()
    elif not lock_repair.is_known():
        _mend()


def _mend() -> None:
    """Look at the lock while no DVC writes it.

    Raises:
      UserError: another DVC is at work, or a merge conflict stands in the lock.
    """
    with opened() as repo, repo.lock:
        said = lock_repair.mend()
    if said:
        say(said)


if __name__ == "__main__":
    exit_with_message(main)
