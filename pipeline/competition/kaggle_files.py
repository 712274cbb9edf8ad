"""Kaggle's layout by its names: what a folder of the competition's files has to hold."""

from collections.abc import Iterator
from pathlib import Path

from pipeline import paths
from pipeline.competition import schema


def missing(folder: Path) -> Iterator[str]:
    """Yield a line for each missing part of the layout; only one if the folder is missing."""
    if not folder.is_dir():
        yield (
            f"params.yaml: data.source: {folder}: not found, expected a folder in Kaggle's layout; "
            f"`make data` downloads the competition's files into {paths.RAW}"
        )
        return
    for name in (*schema.TABLES.values(), schema.SAMPLE_SUBMISSION):
        if not (folder / name).is_file():
            yield f"{folder / name}: not found, expected a file in Kaggle's layout"
    for split in paths.SPLITS:
        if not (folder / split).is_dir():
            yield f"{folder / split}: not found, expected a folder of text files"
