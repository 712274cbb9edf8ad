"""The file that runs on Kaggle: it finds and checks the mounts, then hands over to the library.

Kaggle uploads this file alone, so that until the bundle's wheels are on the path it uses the
standard library only. It needs no network, writes into the output folder and a temporary one, and
installs nothing. It takes no arguments there; other folders are for trying it elsewhere.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from errno import ENOSPC
from pathlib import Path
from typing import Any

FORMAT = 2
MANIFEST = "manifest.json"
WHEELS = "wheels"
DEPTH = 5  # of a mount below the input folder; Kaggle changed it from 1 to 3 once
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


class Unusable(Exception):  # noqa: N818 - read by a person, in one line
    """A mount that is not as it has to be; the text is the line that the log shows."""


def main() -> None:
    """Write submission.csv."""
    # Kaggle's nine hours begin with the session, so checking and unpacking count too.
    started = time.time()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, default=Path("/kaggle/input"))
    parser.add_argument("--output", type=Path, default=Path("/kaggle/working"))
    arguments, _ = parser.parse_known_args()  # a notebook's engine passes arguments of its own
    bundle, manifest = find_bundle(arguments.input)
    competition = find_competition(arguments.input, manifest["tables"])
    print(f"bundle {bundle}: commit {manifest['commit']}, lock {manifest['lock']}", flush=True)
    print(manifest_line(hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest()), flush=True)
    check(bundle, manifest)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.update(OFFLINE, JAX_COMPILATION_CACHE_DIR=f"{scratch}/compilations")
        sys.path[:0] = unpack(bundle / WHEELS, Path(scratch))
        # Not at the top: the project's wheel is on the path only from here on.
        from pipeline.bundle.infer import infer
        from pipeline.bundle.time_limit import Clock

        infer(bundle, competition, arguments.output, Clock(started))


def manifest_line(digest: str) -> str:
    """Return the log's line that identifies a run's bundle; nothing else stands in it."""
    return f"manifest sha256 {digest}"


def folders(root: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Yield `root` and the folders below it down to `depth`, level by level."""
    level = [root]
    for _ in range(depth + 1):
        yield from level
        level = [child for folder in level for child in _inside(folder)]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def find_bundle(root: Path) -> tuple[Path, Mapping[str, Any]]:
    """Find the bundle's folder, wherever it is mounted, and read its manifest.

    Raises:
      Unusable: there is none, or there are two that differ.
    """
    found: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    for folder in folders(root):
        manifest = _read_manifest(folder / MANIFEST)
        if manifest:
            # By content: one bundle mounted under an old and a new path is no conflict.
            found.setdefault(json.dumps(manifest["files"], sort_keys=True), (folder, manifest))
    if len(found) != 1:
        where = ", ".join(str(folder) for folder, _ in found.values()) or "none"
        raise Unusable(f"{root}: expected one bundle ({MANIFEST}, format {FORMAT}), found {where}")
    return next(iter(found.values()))


def _read_manifest(path: Path) -> Mapping[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    ours = isinstance(content, dict) and content.get("format") == FORMAT and "files" in content
    return content if ours else None


def find_competition(root: Path, tables: Sequence[str]) -> Path:
    """Find the first folder that holds the competition's tables.

    Args:
      root: the folder of mounts.
      tables: their names, as the manifest has them.

    Raises:
      Unusable: there is none.
    """
    for folder in folders(root):
        if all((folder / table).is_file() for table in tables):
            return folder
    raise Unusable(f"{root}: no folder with {' and '.join(tables)}: is the competition attached?")


def check(bundle: Path, manifest: Mapping[str, Any]) -> None:
    """Hold every file of a bundle to its manifest.

    Raises:
      Unusable: a file is missing, or of other bytes.
    """
    for name, said in sorted(manifest["files"].items()):
        path = bundle / name
        if not path.is_file():
            raise Unusable(f"{path}: not found, {MANIFEST} names it")
        size = path.stat().st_size
        if size != said["bytes"]:
            raise Unusable(f"{path}: expected {said['bytes']} bytes, found {size}")
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != said["sha256"]:
            raise Unusable(f"{path}: expected sha256 {said['sha256']}, found {found}")


def unpack(wheels: Path, into: Path) -> list[str]:
    """Unpack pure wheels side by side; return the folders for the path.

    Nothing is installed, so neither pip nor a writable environment is needed.
    """
    targets = []
    for wheel in sorted(wheels.glob("*.whl")):
        target = into / "packages" / wheel.stem
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
        targets.append(str(target))
    return targets


def told(error: Exception) -> str | None:
    """Return the line on a mistake in what is mounted, or on what the system refuses.

    The library's own words for both can't be imported before the wheels are there.
    """
    if type(error).__name__ in ("Unusable", "UserError"):
        return str(error)
    if isinstance(error, OSError) and error.errno and (error.filename or error.errno == ENOSPC):
        where = error.filename or "the session's disk"
        return f"{where}: {os.strerror(error.errno).lower()}"
    return None


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        line = told(error)
        if line is None:
            raise  # no mistake in what is mounted: the log gets the whole traceback
        # As `pipeline.errors.one_line`, which can't be imported either.
        safe = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
        print(f"error: {safe}", file=sys.stderr, flush=True)
        sys.exit(1)
