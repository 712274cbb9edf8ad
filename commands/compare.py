"""Compare two members, seeds, ensembles or commits on the same essays: `make compare`.

A side is a model, a member, `baseline` or `ensemble`; `tiny:7` is one seed of a model, `tiny@HEAD`
what a commit of git's has of it. A commit alone, or `workspace`, means the other side's member
there, or the blend where neither side names one. `--page` draws what is printed: by fold, type and
essay, in dvc_plots/compare.html.
"""

import argparse
from collections.abc import Sequence

from pipeline.configuration import Configuration, load_configuration
from pipeline.configured_members import configured_members
from pipeline.errors import UserError, exit_with_message
from pipeline.evaluation.head_to_head import HeadToHead, compare
from pipeline.evaluation.sides import opened, parse, resolved
from pipeline.progress import say
from pipeline.reserved import BASELINE, ENSEMBLE
from pipeline.tables.elements import Elements, read_elements

# The last of git's commits.
_LAST = "HEAD"


def main(argv: Sequence[str] | None = None) -> None:
    """Print each comparison; without B those with git's last commit and with the baseline."""
    parser = argparse.ArgumentParser(
        prog="commands.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--a", required=True, help="the side that the verdict is on")
    parser.add_argument("--b", help="the side to hold it against; HEAD and the baseline if none")
    parser.add_argument("--fold", type=int, help="one fold alone")
    parser.add_argument("--page", action="store_true", help="draw it too")
    wanted = parser.parse_args(argv)
    configuration, labelled = load_configuration(), read_elements()
    found: list[HeadToHead] = []
    if wanted.b is None:
        try:
            found.append(_compared(configuration, wanted.a, _LAST, wanted.fold, labelled))
        # Such as a fold that was never trained before.
        except UserError as error:
            say(str(error))
        say("")
    other = BASELINE if wanted.b is None else wanted.b
    found.append(_compared(configuration, wanted.a, other, wanted.fold, labelled))
    if wanted.page:
        # Charts take long to import.
        from pipeline.report.side_by_side import PAGE, write_side_by_side

        write_side_by_side(found)
        say(f"drawn in {PAGE}")


def _compared(
    configuration: Configuration, a: str, b: str, fold: int | None, labelled: Elements
) -> HeadToHead:
    """Print one comparison, and return it.

    Raises:
      UserError: a side is not there, has no fold of the other's, or predicts other elements.
    """
    models = configuration.read("models", dict)
    known = [ENSEMBLE, *configured_members(configuration)]
    one, other = resolved(parse(a, known), parse(b, known))
    with opened(one, models) as first, opened(other, models) as second:
        found = compare(first, second, labelled, fold)
    for line in found.lines:
        say(line)
    return found


if __name__ == "__main__":
    exit_with_message(main)
