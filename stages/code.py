"""The code stage: for each stage and each network a hash of the source that it can reach.

It is the first stage, so it checks the whole configuration too, on which it depends: an edit that
makes nothing stale, such as an unknown key, would pass unseen.
"""

import argparse
from collections.abc import Sequence

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.encoders.catalogue import check_encoders
from pipeline.errors import exit_with_message
from pipeline.files import atomic_folder
from pipeline.graph import code_hash
from pipeline.graph.code_record import write_record
from pipeline.progress import say


def main(argv: Sequence[str] | None = None) -> None:
    """Check params.yaml; write data/code."""
    argparse.ArgumentParser(prog="stages.code", description=__doc__).parse_args(argv)
    check_encoders(load_configuration())
    hashed = code_hash.names()
    with atomic_folder(paths.CODE) as folder:
        for name in hashed:
            write_record(folder / paths.code(name).relative_to(paths.CODE), name)
    say(f"{paths.CODE}: hashes of {len(hashed)} stages and networks")


if __name__ == "__main__":
    exit_with_message(main)
