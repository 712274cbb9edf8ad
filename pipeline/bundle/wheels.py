"""The wheels of a bundle: the project's own, and the pure ones that Kaggle's image lacks."""

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from pipeline.errors import UserError, naming

LACKING = ("jaxtyping", "wadler-lindig", "ruamel.yaml")
"""What inference imports and Kaggle's image has not; requirements/kaggle-image.txt has the rest."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_INSTALLERS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}  # not of the wheel itself
_SOURCE = ("pyproject.toml", "LICENSE", "pipeline", "stages")
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def build_own(root: Path, into: Path) -> None:
    """Build this project's wheel, offline, from a copy; the same sources give the same bytes.

    Its metadata go without README.md, which nothing on Kaggle reads.

    Raises:
      UserError: the build fails; its last line says why.
    """
    with tempfile.TemporaryDirectory() as scratch, naming(root, Path(scratch)):
        copy = Path(scratch)
        for name in _SOURCE:
            source = root / name
            if source.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, copy / name, ignore=ignore)
            elif source.exists():
                shutil.copy(source, copy / name)
        # The build asks for it; with its text every edit of it would make another bundle.
        (copy / "README.md").touch()
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, str(into.absolute())],
            cwd=copy,
            env=os.environ | {"SOURCE_DATE_EPOCH": "315532800", "PYTHONPATH": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stdout.strip().splitlines() or ["no output"])[-1]
            raise UserError(f"{root / 'pyproject.toml'}: its wheel can't be built: {last}")


def repack(name: str, into: Path) -> Path:
    """Write the wheel of an installed distribution, as its own record lists it.

    Raises:
      UserError: it isn't installed, or is no pure wheel and so fits one platform only.
    """
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise UserError(f"{name}: not installed; run make venv") from None
    if "Root-Is-Purelib: true" not in (found.read_text("WHEEL") or ""):
        raise UserError(f"{name}: expected a pure wheel, found one for {sys.platform} alone")
    files = {}
    for path in found.files or ():
        if _belongs(path):
            files[path.as_posix()] = Path(str(path.locate())).read_bytes()
    info = next(path.split("/")[0] for path in files if path.endswith(".dist-info/METADATA"))
    # The installer has added files of its own to the record that is on disk.
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    target = into / f"{info.removesuffix('.dist-info')}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return target


def _belongs(path: metadata.PackagePath) -> bool:
    """Tell whether a file of the record came with the wheel; commands in bin/ stand outside."""
    inside = ".." not in path.parts and "__pycache__" not in path.parts
    return inside and not (path.parts[0].endswith(".dist-info") and path.name in _INSTALLERS)


def _record(files: Mapping[str, bytes], own: str) -> bytes:
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    for path, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.writerow([path, f"sha256={digest}", len(content)])
    rows.writerow([own, "", ""])
    return stream.getvalue().encode()
