"""Outputs and lock entries that no stage of the present configuration owns."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from ruamel.yaml import YAML

from pipeline import paths
from pipeline.files import atomic_file, clear_unfinished, is_unfinished, real_place

# What the graph writes into; everything below belongs to some stage, or to nobody any more.
TERRITORY = (
    paths.CLEAN,
    Path("data/backbones"),
    paths.PRETRAINED,
    Path("data/tokens"),
    Path("artifacts"),
    paths.METRICS,
    paths.PLOTS,
)

# What is written beside it, by commands and by the graph.
_NEIGHBOURS = (Path(), paths.RAW.parent, paths.DOWNLOADS.parent, paths.DOWNLOADS)


def leftover_paths(
    territory: Iterable[Path], outputs: Iterable[Path], dependencies: Iterable[Path]
) -> list[Path]:
    """Find the topmost paths in `territory` that no stage of the configuration knows.

    Args:
      territory: folders that the graph writes into.
      outputs: of the stages that there are now.
      dependencies: of the same stages. Someone may keep another model's predictions beside the
        graph's own, so they stay; unless it is a folder above outputs, which is what it holds.
    """
    owned = set(outputs)
    above_outputs = {parent for path in owned for parent in path.parents}
    kept = owned | (set(dependencies) - above_outputs)
    above = {parent for path in kept for parent in path.parents}
    return sorted(path for root in territory for path in _unknown(root, kept, above))


def _unknown(path: Path, known: set[Path], above: set[Path]) -> Iterator[Path]:
    # What is being written, or was when a kill came, is for `clear_killed` to tell apart.
    if path in known or is_unfinished(path) or not path.exists():
        return
    if path not in above:
        yield path
        return
    for child in path.iterdir():
        # DVC and git put these beside outputs; they belong to the folder.
        if child.name != ".gitignore":
            yield from _unknown(child, known, above)


def clear_killed() -> list[Path]:
    """Clear the project of what killed writers left; return what was removed or put back.

    What a link leads to has its unfinished successor beside it, outside the project.
    """
    below = [Path(folder) for root in TERRITORY for folder, _, _ in os.walk(root)]
    cleared = []
    for folder in dict.fromkeys([*_NEIGHBOURS, *below]):
        cleared += clear_unfinished(folder)
        for link in (p for p in sorted(folder.glob("*")) if p.is_symlink()):
            if place := _followed(link):
                cleared += clear_unfinished(place.parent, place.name)
    return cleared


def _followed(link: Path) -> Path | None:
    """Follow a link; None where it leads in a circle, or into what this user may not see."""
    try:
        place = real_place(link)
    except OSError:
        return None
    return place if os.access(place.parent, os.R_OK | os.X_OK) else None


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def drop_lock_entries(lock: Path, stages: Iterable[str]) -> list[str]:
    """Remove the entries of stages that are not among `stages`; return their names."""
    if not lock.exists():
        return []
    yaml = YAML()
    tree = yaml.load(lock.read_text(encoding="utf-8"))
    dead = sorted(set(tree["stages"]) - set(stages))
    if dead:
        for name in dead:
            del tree["stages"][name]
        with atomic_file(lock) as temporary:
            yaml.dump(tree, temporary)
    return dead
