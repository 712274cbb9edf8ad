"""Put git's commit into a copy of the run's page: `make report`.

The commit is no dependency of the stage that makes the page: a run that gets committed would be
stale.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from markupsafe import escape

from pipeline import git
from pipeline.configuration import read_text
from pipeline.errors import UserError, exit_with_message
from pipeline.files import write_text
from pipeline.progress import say
from pipeline.report.page import COMMIT, PAGE

COPY = Path("dvc_plots/report.html")


def main(argv: Sequence[str] | None = None) -> None:
    """Write the copy beside DVC's plots; say the commit."""
    argparse.ArgumentParser(prog="commands.report", description=__doc__).parse_args(argv)
    before, found, after = read_text(PAGE).partition(COMMIT)
    if not found:
        raise UserError(f"{PAGE}: found no place for the commit; run dvc repro report")
    commit = described()
    write_text(COPY, f"{before}{escape(commit)}{after}")
    say(f"{COPY}: {commit}")


def described() -> str:
    """Describe git's commit, and whether what git keeps differs from it."""
    found = git.ask("describe", "--always", "--long", "--abbrev=12", "--dirty=, with edits")
    return "without git" if found is None else found.strip()


if __name__ == "__main__":
    exit_with_message(main)
