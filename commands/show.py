"""Print an essay with its elements, labels and probabilities: python -m commands.show ESSAY_ID."""

import argparse
from collections.abc import Sequence

from pipeline.configuration import Configuration, load_configuration
from pipeline.configured_members import configured_members
from pipeline.errors import UserError, exit_with_message
from pipeline.mistakes import nearest
from pipeline.reserved import ENSEMBLE
from pipeline.viewing.looking import look
from pipeline.viewing.terminal import show


def main(argv: Sequence[str] | None = None) -> None:
    """Print a training essay out of fold, or a test essay as it is predicted."""
    parser = argparse.ArgumentParser(prog="commands.show", description=__doc__)
    parser.add_argument("essay", help="the id of a training or test essay")
    parser.add_argument("--member", default=ENSEMBLE, help="a member instead of the blend")
    wanted = parser.parse_args(argv)
    seen = look(wanted.essay, _member(load_configuration(), wanted.member))
    show(seen.heading, seen.parts)


def _member(configuration: Configuration, name: str) -> str:
    known = [ENSEMBLE, *configured_members(configuration)]
    if name not in known:
        raise UserError(f"--member: no {name!r}{nearest(name, known)}")
    return name


if __name__ == "__main__":
    exit_with_message(main)
