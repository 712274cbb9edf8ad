"""The room on the disk of a path, and sizes in words."""

import shutil
from pathlib import Path


def nearest_there(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there, as an absolute path."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def free(place: Path) -> int:
    """Return the free bytes of the disk of a path that is there."""
    return shutil.disk_usage(place).free


def device(place: Path) -> object:
    """Return what tells apart the disks of paths that are there."""
    return place.stat().st_dev


def size(count: float) -> str:
    """Return bytes as GB or MB."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
