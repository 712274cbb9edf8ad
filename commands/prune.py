"""Remove outputs and lock entries that no stage of the present configuration owns: `make prune`.

And what killed writers left unfinished, wherever the project writes.
"""

from collections.abc import Iterable
from pathlib import Path

from pipeline import paths
from pipeline.errors import UserError, exit_with_message
from pipeline.graph import lock_repair
from pipeline.graph.leftovers import (
    TERRITORY,
    clear_killed,
    drop_lock_entries,
    leftover_paths,
    remove,
)
from pipeline.graph.repository import opened
from pipeline.progress import say


def main() -> None:
    """Ask DVC which stages there are; remove what belongs to none of them.

    Raises:
      UserError: there are none.
    """
    with opened() as repo, repo.lock:
        stages = list(repo.index.stages)
        # Else everything would be a leftover.
        if not stages:
            raise UserError("dvc.yaml: no stages found, so nothing is removed")
        root = Path(repo.root_dir)
        outputs, dependencies = (
            [Path(item.fs_path) for stage in stages for item in getattr(stage, kind)]
            for kind in ("outs", "deps")
        )
    kept = [*_inside(root, dependencies), paths.bundle(), paths.SUBMIT]
    found = leftover_paths(TERRITORY, _inside(root, outputs), kept)
    for path in found:
        remove(path)
        say(f"removed {path}")
    unfinished = clear_killed()
    for path in unfinished:
        say(f"cleared away {path}, which a killed writer left")
    dead = drop_lock_entries(lock_repair.LOCK, [stage.addressing for stage in stages])
    if dead:
        lock_repair.keep()  # else it could look as if a kill had cut it short
    for name in dead:
        say(f"removed the lock entry of {name}")
    if not (found or unfinished or dead):
        say("nothing to prune: every output and lock entry belongs to a stage of params.yaml")


def _inside(root: Path, found: Iterable[Path]) -> list[Path]:
    return [path.relative_to(root) for path in found if path.is_relative_to(root)]


if __name__ == "__main__":
    exit_with_message(main)
