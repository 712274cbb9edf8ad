"""Checks that the graph's folders hold what the configuration names, and nothing else."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline import paths
from pipeline.errors import UserError
from pipeline.reserved import BASELINE
from pipeline.units import Unit

# Folds and full fits: all but what DVC and unfinished writes leave, whose names begin with a dot.
UNITS = "[!.]*"


def guarded_folders(
    trained: Mapping[str, Sequence[Unit]], members: Collection[str], students: Collection[str]
) -> Iterator[tuple[Path, str, list[str]]]:
    """Yield each folder in which a later stage refuses leftovers: path, pattern, names wanted.

    Args:
      trained: the units of each model of the configuration.
      members: the configuration's others, embeddings among them.
      students: the models that learn from soft labels.
    """
    for model, units in trained.items():
        soft = paths.soft_labels(model)
        yield soft.parent, soft.name, [soft.name] if model in students else []
        for folder in (paths.weights(model), paths.fold(model)):
            yield folder, UNITS, [unit.name for unit in units]
    tables = [f"{name}.parquet" for name in (BASELINE, *trained, *members)]
    for folder in (paths.OOF, paths.TEST):
        yield folder, "*.parquet", tables


def check_entries(folder: Path, pattern: str, wanted: Collection[str]) -> None:
    """Hold the entries of `folder` that match `pattern` against the configuration.

    Raises:
      UserError: an entry is missing, or one is left from another configuration.
    """
    found = {path.name for path in folder.glob(pattern)}
    missing = sorted(set(wanted) - found)
    if missing:
        there = ", ".join(sorted(found)) or "nothing"
        raise UserError(f"{folder}: expected {', '.join(missing)} too, found {there}")
    check_leftovers(folder, pattern, wanted)


def check_leftovers(folder: Path, pattern: str, wanted: Collection[str]) -> None:
    """Look for entries of `folder` that match `pattern` and that the configuration does not have.

    Raises:
      UserError: there are some.
    """
    left = sorted({path.name for path in folder.glob(pattern)} - set(wanted))
    if left:
        raise UserError(
            f"{folder}: {', '.join(left)} is not in params.yaml; `make prune` removes leftovers"
        )
