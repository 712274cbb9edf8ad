"""Fitted scikit-learn estimators as files without pickle (skops); same fit, same bytes."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from pipeline.errors import UserError
from pipeline.files import atomic_file

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip archive can hold
_ADDRESS = re.compile(r'(?<="__id__": )\d+|(?<="file": ")\d+')


def save_estimators(path: Path, estimators: Mapping[str, Any]) -> None:
    """Write estimators by name.

    skops names objects by their memory addresses and stamps the time, so the same fit would have
    other bytes each time. Here addresses are replaced by numbers in the order of their appearance,
    and all times by one.
    """
    with atomic_file(path) as temporary:
        _repack(skops.io.dumps(dict(estimators)), temporary)


def _repack(raw: bytes, path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(path, "w") as target:
        numbers: dict[str, str] = {}
        schema = _ADDRESS.sub(
            lambda match: numbers.setdefault(match[0], str(len(numbers))),
            source.read("schema.json").decode(),
        )
        files = {"schema.json": schema.encode()}
        for name in source.namelist():
            if name != "schema.json":
                address, suffix = name.split(".")
                files[f"{numbers[address]}.{suffix}"] = source.read(name)
        # Sorted, for the order of the files in an archive is part of its bytes.
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)


def load_estimators(path: Path, trusted: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Read estimators; no code of the file runs.

    Args:
      path: a file that `save_estimators` wrote.
      trusted: types beyond those of numpy, scipy and scikit-learn that skops itself trusts.
      names: the estimators that have to be there.

    Raises:
      UserError: the file is missing or no skops file, a type in it isn't trusted, or it doesn't
        hold `names`.
    """
    try:
        found = skops.io.load(path, trusted=list(trusted))
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except UntrustedTypesFoundException as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a skops file: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict) or set(found) != set(names):
        there = ", ".join(map(str, found)) if isinstance(found, dict) else type(found).__name__
        raise UserError(f"{path}: expected {', '.join(names)}, found {there}")
    return found
