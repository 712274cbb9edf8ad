"""A bundle as it is sent: checked against its manifest, each folder an archive of its own.

Kaggle's datasets take files only and unpack archives into folders of the same names.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.bundle.kernel import FORMAT, MANIFEST
from pipeline.errors import UserError
from pipeline.files import atomic_folder, read_json, sha256, write_json
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

    Raises:
      UserError: no manifest, or files that are not as the manifest has them.
    """
    path = folder / MANIFEST
    manifest = read_json(path)
    if manifest.get("format") != FORMAT:
        raise UserError(f"{path}: format: found {manifest.get('format')!r}, expected {FORMAT}")
    for key, kind in _KEYS.items():
        if key not in manifest or not isinstance(manifest[key], kind):
            raise UserError(f"{path}: {key}: found {manifest.get(key)!r}; make the bundle again")
    files: dict[str, dict[str, Any]] = manifest["files"]
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    odd = sorted((present - {MANIFEST}) ^ set(files))
    changed = [name for name in files if not odd and sha256(folder / name) != files[name]["sha256"]]
    if odd or changed:
        raise UserError(
            f"{folder / (odd + changed)[0]}: not as {MANIFEST} has it; make the bundle again"
        )
    return CheckedBundle(folder, manifest, sha256(path))


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
    only if names, sizes and times of the files are the same.

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
        if read_json(folder / METADATA) == dataset_metadata(target, packed):
            return packed
    with atomic_folder(folder) as temporary:
        for entry in sorted(bundle.folder.iterdir()):
            if entry.is_dir():
                _archive(entry, temporary / f"{entry.name}.zip")
            else:
                shutil.copyfile(entry, temporary / entry.name)
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


def _archive(folder: Path, path: Path) -> None:
    """Archive a folder's files; the same files give the same bytes. Weights don't compress."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                # ZipInfo's default date keeps the files' own times out, so that the bytes repeat.
                entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
                entry.file_size = file.stat().st_size  # decides about zip64
                entry.external_attr = 0o644 << 16
                with file.open("rb") as stream, archive.open(entry, "w") as out:
                    shutil.copyfileobj(stream, out, 1 << 20)
