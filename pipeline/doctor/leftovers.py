"""Find leftovers of another configuration at which a later stage would stop."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pipeline.doctor.findings import lines_of
from pipeline.entries import check_leftovers, folders_of_folds_and_members
from pipeline.units import Unit


def examine(
    trained: Mapping[str, Sequence[Unit]], members: Collection[str], students: Collection[str]
) -> Iterator[str]:
    """Yield a line for the folds, members and soft labels that a later stage would refuse."""
    for held in folders_of_folds_and_members(trained, members, students):
        yield from lines_of(check_leftovers, *held)
