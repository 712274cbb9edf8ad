"""Kaggle's layout by its names: where a folder has the competition's files, and what it lacks."""

import shlex
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pipeline import paths
from pipeline.competition import schema

_FILES = (*schema.TABLES.values(), schema.SAMPLE_SUBMISSION)


def locate(source: Path) -> Path:
    """Return the folder that has the files: `source`, or the only one in it that has a table.

    Archives are often unpacked into a folder of their own name.
    """
    inner = _inner(source)
    return inner[0] if len(inner) == 1 else source


def _inner(source: Path) -> list[Path]:
    """List the folders in `source` that have a table, where it has none itself."""
    tables = schema.TABLES.values()
    if not source.is_dir() or any((source / table).is_file() for table in tables):
        return []
    return sorted({path.parent for table in tables for path in source.glob(f"*/{table}")})


def missing(source: Path) -> Iterator[str]:
    """Yield a line for each missing part of the layout; only one if there is no such folder."""
    if not source.is_dir():
        yield f"params.yaml: data.source: {source}: {_no_folder(source)}"
        return
    if several := _several(source, "data.source"):
        yield several
        return
    folder = locate(source)
    for name in _FILES:
        if not (folder / name).is_file():
            yield f"{folder / name}: not found, expected a file in Kaggle's layout{_packed(source)}"
    for split in paths.SPLITS:
        if not (folder / split).is_dir():
            yield f"{folder / split}: not found, expected a folder of text files"


def missing_essays(source: Path, key: str) -> Iterator[str]:
    """Yield a line for each missing part of a folder of further essays.

    Args:
      source: the folder, which has one of the tables, or both, each with its folder of texts.
      key: of params.yaml, which names it.
    """
    if not source.is_dir():
        found = "a file, not a folder" if source.is_file() else "not found"
        yield f"params.yaml: {key}: {source}: {found}, expected a folder in Kaggle's layout"
        return
    if several := _several(source, key):
        yield several
        return
    folder = locate(source)
    splits = tables_in(folder)
    if not splits:
        table, texts = schema.TABLES["test"], any(folder.rglob("*.txt"))
        why = "; texts without their elements can't be labelled" if texts else ""
        yield (
            f"{folder / table}: not found, expected the elements of the essays in "
            f"{folder / 'test'}{why}"
        )
    for split in splits:
        if not (folder / split).is_dir():
            yield f"{folder / split}: not found, expected a folder of text files"


def tables_in(folder: Path) -> list[str]:
    """List the splits whose tables are in a folder."""
    return [split for split, table in schema.TABLES.items() if (folder / table).is_file()]


def _several(source: Path, key: str) -> str:
    """Return a line on more than one folder with a table in `source`; empty where there is none."""
    inner = _inner(source)
    if len(inner) < 2:
        return ""
    names = ", ".join(folder.name for folder in inner)
    return (
        f"{source}: expected Kaggle's files in one folder, found them in {names}; name one of "
        f"them in {key} of params.yaml"
    )


def _no_folder(source: Path) -> str:
    """Say what is in the place of a folder, and what to do."""
    if not source.is_file():
        return (
            "not found, expected a folder in Kaggle's layout; `make data` downloads the "
            f"competition's files into {paths.RAW}"
        )
    if zipfile.is_zipfile(source):
        return f"a file, not a folder; {_unpacks(source)}"
    return f"a file, not a folder; expected the folder in Kaggle's layout: {source.parent}"


def _packed(source: Path) -> str:
    """Return the end of a line where a folder has an archive in it; empty where it has none."""
    archives = sorted(source.glob("*.zip"))
    return f"; {_unpacks(archives[0])}" if archives else ""


def _unpacks(archive: Path) -> str:
    return f"`make data ZIP={shlex.quote(str(archive))}` unpacks it into {paths.RAW}"
