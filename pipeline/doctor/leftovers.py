"""Find leftovers of another configuration at which a later stage would stop."""

from collections.abc import Collection, Iterator, Sequence

from pipeline.doctor.findings import lines_of
from pipeline.entries import check_leftovers, folders_of_folds_and_members


def examine(
    models: Collection[str], members: Collection[str], folds: Sequence[int]
) -> Iterator[str]:
    """Yield a line for the folds and members that a later stage would refuse."""
    for held in folders_of_folds_and_members(models, members, folds):
        yield from lines_of(check_leftovers, *held)
