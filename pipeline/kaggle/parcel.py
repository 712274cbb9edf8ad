"""A bundle as it is sent: what its manifest names and nothing else, each folder an archive.

Kaggle's datasets take files only and unpack archives into folders of the same names.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.bundle.kernel import FORMAT, MANIFEST
from pipeline.errors import UserError
from pipeline.files import atomic_folder, read_json, sha256, write_json
from pipeline.kaggle.archive import write_archive
from pipeline.kaggle.target import Target, title

METADATA: Final = "dataset-metadata.json"
_KEYS = {
    "commit": str | None,
    "lock": str,
    "parameters": str,
    "recipe": str | None,
    "log_loss": float,
    "tables": list,
    "files": dict,
    "total_bytes": int,
}


@dataclass(frozen=True)
class CheckedBundle:
    """A folder that a kernel can predict from; `digest` is its manifest's sha256."""

    folder: Path
    manifest: dict[str, Any]
    digest: str


def read_bundle(folder: Path) -> CheckedBundle:
    """Read a bundle and check every file in it.

    A file that the manifest doesn't name is refused and not left out: the folder is then not what
    was packed, and only its owner knows why.

    Raises:
      UserError: no manifest, a link, or files that are not as the manifest has them.
    """
    path = folder / MANIFEST
    manifest = read_json(path)
    if manifest.get("format") != FORMAT:
        raise UserError(f"{path}: format: found {manifest.get('format')!r}, expected {FORMAT}")
    for key, kind in _KEYS.items():
        if key not in manifest or not isinstance(manifest[key], kind):
            raise UserError(f"{path}: {key}: found {manifest.get(key)!r}; make the bundle again")
    files: dict[str, dict[str, Any]] = manifest["files"]
    present = _present(folder) - {MANIFEST}
    for name in sorted(present ^ set(files)):
        found = "not in its folder" if name in files else f"no file that {MANIFEST} names"
        raise UserError(f"{folder / name}: {found}; nothing was sent; make the bundle again")
    for name, said in files.items():
        if not isinstance(said, dict) or _facts(folder / name) != said:
            raise UserError(f"{folder / name}: not as {MANIFEST} has it; make the bundle again")
    return CheckedBundle(folder, manifest, sha256(path))


def _present(folder: Path) -> set[str]:
    """List the files in a folder, relative to it.

    Raises:
      UserError: something is no regular file. A link could lead anywhere.
    """
    found: set[str] = set()
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise UserError(
                f"{path}: a link or device, expected files and folders; nothing was sent"
            )
        if path.is_file():
            found.add(path.relative_to(folder).as_posix())
    return found


def _facts(path: Path) -> dict[str, Any]:
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def dataset_metadata(target: Target, bundle: CheckedBundle) -> dict[str, Any]:
    """Return the metadata that Kaggle's client reads about the dataset."""
    return {
        "id": target.dataset_ref,
        "title": title(target.dataset),
        "description": (
            f"Models for {target.competition}: commit {bundle.manifest['commit']}, "
            f"manifest sha256 {bundle.digest}."
        ),
        "licenses": [{"name": "other"}],
    }


def identity(bundle: CheckedBundle, script: str, target: Target) -> str:
    """Hash all that is sent and decides the predictions.

    The same files stay the same submission under another commit or another name on Kaggle.
    """
    what = {"files": bundle.manifest["files"], "script": script, **target.environment}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def pack(
    bundle: CheckedBundle, target: Target, folder: Path, begun: str | None = None
) -> CheckedBundle:
    """Make the files that are uploaded.

    What was packed of the same bundle stays untouched, for an upload goes on where it broke off
    only if names, sizes and times of the files are the same. Beside other files it is made anew:
    Kaggle's client uploads whatever lies in the folder.

    Args:
      bundle: to pack.
      target: names the dataset.
      folder: gets the files, and the metadata beside them.
      begun: the sha256 of a manifest with the same files whose upload has begun; where that is
        what the folder holds, it stays, although the bundle was made anew since.

    Returns:
      The bundle in the folder, with the manifest that Kaggle gets.
    """
    path = folder / MANIFEST
    digest = sha256(path) if path.is_file() else None
    if digest in (bundle.digest, begun) and digest:
        packed = CheckedBundle(folder, read_json(path), digest)
        whole = _is_only(folder, {METADATA, *_parcels(packed.manifest["files"])})
        if whole and read_json(folder / METADATA) == dataset_metadata(target, packed):
            return packed
    with atomic_folder(folder) as temporary:
        for parcel, names in _parcels(bundle.manifest["files"]).items():
            if names == [parcel]:
                shutil.copyfile(bundle.folder / parcel, temporary / parcel)
            else:
                # Names begin below the subfolder that the archive is of.
                inside = ((name.partition("/")[2], bundle.folder / name) for name in names)
                write_archive(temporary / parcel, inside)
        write_json(temporary / METADATA, dataset_metadata(target, bundle))
    return CheckedBundle(folder, bundle.manifest, bundle.digest)


def packed_files(packed: CheckedBundle) -> list[Path]:
    """List the files that are uploaded: all but the metadata."""
    return [path for path in sorted(packed.folder.iterdir()) if path.name != METADATA]


def names_and_sizes(bundle: CheckedBundle) -> Iterator[tuple[str, int]]:
    """Yield every file of a bundle and its bytes, the manifest first."""
    yield MANIFEST, (bundle.folder / MANIFEST).stat().st_size
    for name, facts in sorted(bundle.manifest["files"].items()):
        yield name, facts["bytes"]


def _parcels(named: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Group the manifest and what it names by the file that is uploaded: itself, or an archive."""
    parcels = {MANIFEST: [MANIFEST]}
    for name in sorted(named):
        top, slash, _ = name.partition("/")
        parcels.setdefault(f"{top}.zip" if slash else top, []).append(name)
    return parcels


def _is_only(folder: Path, names: set[str]) -> bool:
    """Tell whether a folder holds regular files of these names, and nothing else."""
    there = list(folder.iterdir())
    regular = all(path.is_file() and not path.is_symlink() for path in there)
    return regular and {path.name for path in there} == names
