"""Archives for Kaggle's datasets: the same files give the same bytes."""

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path


def write_archive(path: Path, files: Iterable[tuple[str, Path | str]]) -> None:
    """Archive files, in their order, without compression: weights don't compress.

    Args:
      path: of the archive.
      files: each by its name inside: a file, or its text.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            # ZipInfo's default date keeps the files' own times out, so that the bytes repeat.
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            if isinstance(content, str):
                archive.writestr(entry, content)
                continue
            # The size decides about zip64.
            entry.file_size = content.stat().st_size
            with content.open("rb") as stream, archive.open(entry, "w") as out:
                shutil.copyfileobj(stream, out, 1 << 20)
