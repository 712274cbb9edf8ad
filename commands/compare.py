"""Compare two members, seeds, ensembles or commits on the same essays: `make compare`.

A side is a model, a member, `baseline` or `ensemble`; `tiny:7` is one seed of a model, `tiny@HEAD`
what a commit of git's has of it. A commit alone, or `workspace`, means the other side's member
there, or the blend where neither side names one.
"""

import argparse
from collections.abc import Sequence

from pipeline.configuration import Configuration, load_configuration
from pipeline.errors import UserError, exit_with_message
from pipeline.evaluation.head_to_head import compare
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
    wanted = parser.parse_args(argv)
    configuration, labelled = load_configuration(), read_elements()
    if wanted.b is not None:
        _say(configuration, wanted.a, wanted.b, wanted.fold, labelled)
        return
    try:
        _say(configuration, wanted.a, _LAST, wanted.fold, labelled)
    # Such as a fold that was never trained before.
    except UserError as error:
        say(str(error))
    say("")
    _say(configuration, wanted.a, BASELINE, wanted.fold, labelled)


def _say(
    configuration: Configuration, a: str, b: str, fold: int | None, labelled: Elements
) -> None:
    """Print one comparison.

    Raises:
      UserError: a side is not there, has no fold of the other's, or predicts other elements.
    """
    models = configuration.read("models", dict)
    others = [*configuration.read("embeddings", dict), *configuration.read("members", dict)]
    known = [BASELINE, ENSEMBLE, *models, *others]
    one, other = resolved(parse(a, known), parse(b, known))
    with opened(one, models) as first, opened(other, models) as second:
        for line in compare(first, second, labelled, fold).lines:
            say(line)


if __name__ == "__main__":
    exit_with_message(main)
