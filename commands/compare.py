"""Compare a fold with its former self, or with another member: `make compare`.

Both predict the same essays, those that the fold holds out, so the difference is taken element by
element, and its interval by essay.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline import paths
from pipeline.configuration import Configuration, load_configuration
from pipeline.errors import UserError, exit_with_message, naming
from pipeline.evaluation.comparison import paired
from pipeline.graph import former
from pipeline.metrics import log_loss, row_losses
from pipeline.progress import say
from pipeline.reserved import BASELINE
from pipeline.tables.elements import Elements, read_elements
from pipeline.tables.gather import gather_fold, gather_members
from pipeline.units import Unit

# The last of git's commits.
_LAST = "HEAD"

Probabilities = Float[np.ndarray, "rows labels"]


def main(argv: Sequence[str] | None = None) -> None:
    """Say the fold's log loss, and how it differs from each base."""
    parser = argparse.ArgumentParser(
        prog="commands.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, help="a key of models in params.yaml")
    parser.add_argument("--fold", required=True, type=int)
    parser.add_argument(
        "--base", help="a member, or a commit that has the fold too; HEAD and the baseline if none"
    )
    wanted = parser.parse_args(argv)
    configuration = load_configuration()
    model, fold = configuration.named("models", wanted.model), wanted.fold
    elements = read_elements([fold]).of_folds([fold])
    own = gather_fold(paths.fold(model, Unit(fold)) / "oof.parquet", fold, elements)
    say(
        f"train@{model}-{fold}: log loss {log_loss(elements.labels, own):.4f} on "
        f"{len(elements):,} elements of {len(set(elements.essay_ids)):,} essays"
    )
    if wanted.base is not None:
        say(_beside(configuration, model, fold, wanted.base, elements, own))
        return
    try:
        say(_beside(configuration, model, fold, _LAST, elements, own))
    # Such as a fold that was never trained before.
    except UserError as error:
        say(str(error))
    say(_beside(configuration, model, fold, BASELINE, elements, own))


def _beside(
    configuration: Configuration,
    model: str,
    fold: int,
    base: str,
    elements: Elements,
    own: Probabilities,
) -> str:
    """Return the line that compares the fold with a base.

    Raises:
      UserError: the base has no predictions of the fold, or such of other elements.
    """
    models, members = configuration.read("models", dict), configuration.read("members", dict)
    table = paths.fold(model, Unit(fold)) / "oof.parquet"
    name = base
    if base in models:
        # The fold's own file: the model's table is only made when all folds are.
        other = gather_fold(paths.fold(base, Unit(fold)) / "oof.parquet", fold, elements)
    elif base in (BASELINE, *members):
        other = gather_members([base], [fold], elements)[:, 0]
    else:
        name = f"git's {base}"
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / table.name
            former.fetch(table, base, copy)
            with naming(Path(f"{name}: {table}"), copy):
                other = gather_fold(copy, fold, elements)
    loss = log_loss(elements.labels, other)
    if np.array_equal(own, other):
        return f"beside {name} {loss:.4f}: the same predictions"
    differences = row_losses(elements.labels, own) - row_losses(elements.labels, other)
    found = paired(differences, elements.essay_ids)
    return (
        f"beside {name} {loss:.4f}: {found.difference:+.4f} "
        f"(95 % by essay: {found.low:+.4f} to {found.high:+.4f})"
    )


if __name__ == "__main__":
    exit_with_message(main)
