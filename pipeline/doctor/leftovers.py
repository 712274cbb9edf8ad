"""Find leftovers of another configuration at which a later stage would stop."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pipeline.doctor.findings import lines_of
from pipeline.entries import check_leftovers, guarded_folders
from pipeline.units import Unit


def examine(
    trained: Mapping[str, Sequence[Unit]], members: Collection[str], students: Collection[str]
) -> Iterator[str]:
    """Yield a line for the folds, members and soft labels that a later stage would refuse."""
    for held in guarded_folders(trained, members, students):
        yield from lines_of(check_leftovers, *held)
