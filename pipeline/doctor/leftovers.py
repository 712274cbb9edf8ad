"""Find leftovers of another configuration at which a later stage would stop."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pipeline.doctor.findings import lines_of
from pipeline.entries import check_leftovers, folders_of_folds_and_members
from pipeline.units import Unit


def examine(trained: Mapping[str, Sequence[Unit]], members: Collection[str]) -> Iterator[str]:
    """Yield a line for the folds and members that a later stage would refuse."""
    for held in folders_of_folds_and_members(trained, members):
        yield from lines_of(check_leftovers, *held)
