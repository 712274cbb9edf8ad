"""Find leftovers of another configuration at which a later stage would stop."""

from collections.abc import Collection, Iterator, Sequence

from pipeline import paths
from pipeline.doctor.findings import refusals
from pipeline.entries import check_leftovers


def examine(
    models: Collection[str], members: Collection[str], folds: Sequence[int]
) -> Iterator[str]:
    """Yield a line for the folds and members that a later stage would refuse."""
    wanted = [f"fold{fold}" for fold in folds]
    for model in models:
        for folder in (paths.weights(model), paths.fold(model)):
            yield from refusals(check_leftovers, folder, "fold*", wanted)
    tables = [f"{name}.parquet" for name in ("baseline", *models, *members)]
    for folder in (paths.OOF, paths.TEST):
        yield from refusals(check_leftovers, folder, "*.parquet", tables)
