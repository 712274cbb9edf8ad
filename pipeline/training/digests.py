"""Digests of a folder's files, to tell later that nothing in it has changed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import read_json, sha256, write_json

FILE = "digests.json"


def write_digests(folder: Path, name: str) -> None:
    """Write the digest of every file in the folders of `folder`, which will be called `name`.

    Files that lie in it directly are the library's own records, which it goes on writing.
    """
    files = {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.glob("*/**/*"))
        if path.is_file()
    }
    write_json(folder / FILE, {"files": files, "all": _digest(name, files)})


def damage(folder: Path) -> str | None:
    """Say what is wrong with a folder, or None where each file is as it was written."""
    try:
        noted = read_json(folder / FILE)
    except (UserError, OSError):
        return f"no {FILE} that can be read, as after a save that was cut off"
    # The list is checked first, for a damaged list could leave a damaged file out.
    files = noted.get("files")
    if not isinstance(files, dict) or noted.get("all") != _digest(folder.name, files):
        return f"{FILE} is not as it was written"
    for name, digest in files.items():
        try:
            found = sha256(folder / name)
        except OSError as error:
            return f"{name}: {error.strerror}"
        if found != digest:
            return f"{name} is not as it was written"
    return None


def _digest(name: str, files: Mapping[str, str]) -> str:
    """Digest the list itself together with the folder's name."""
    # With the name, a checkpoint that got another step's number counts as damaged too.
    text = json.dumps([name, files], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
