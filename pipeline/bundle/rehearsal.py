"""The kernel run as Kaggle runs it: offline, from read-only folders, away from the repository."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.bundle import kernel
from pipeline.competition.rows import read_rows
from pipeline.competition.schema import SAMPLE_SUBMISSION, TABLES
from pipeline.errors import UserError
from pipeline.files import sha256_of

_DEAD = "http://127.0.0.1:9"  # nobody listens there
_NO_NETWORK = ("unshare", "--map-root-user", "--net")


def rehearse(python: Path, bundle: Path, competition: Path, scratch: Path) -> Path:
    """Run the kernel's file with `python` on copies of a bundle and of the competition's test.

    Args:
      python: of an environment with Kaggle's packages; nothing of this one reaches it.
      bundle: the folder.
      competition: in Kaggle's layout.
      scratch: an empty folder, away from the repository.

    Returns:
      The submission that was written.

    Raises:
      UserError: the kernel failed, or touched what is mounted.
    """
    mounts, code, output = (scratch / name for name in ("input", "src", "working"))
    shutil.copytree(bundle, mounts / "datasets" / "someone" / "bundle")
    _mount_test(competition, mounts / "competitions" / "competition")
    for folder in (code, output, scratch / "home"):
        folder.mkdir()
    shutil.copy(kernel.__file__, code / "script.py")
    # Read-only folders don't stop root, so their state is compared as well.
    before = _state(mounts), _state(code)
    for folder in (mounts, code):
        _read_only(folder)
    command = [str(python.absolute()), str(code / "script.py")]
    folders = ["--input", str(mounts), "--output", str(output)]
    done = subprocess.run(
        [*_isolation(), *command, *folders], cwd=scratch / "home", env=_bare(scratch), check=False
    )
    if done.returncode:
        raise UserError(f"the kernel failed with {python}; its log stands above")
    if (_state(mounts), _state(code)) != before:
        raise UserError("the kernel changed what is mounted read-only")
    return output / "submission.csv"


def compare(found: Path, expected: Path) -> float:
    """Return the largest difference of any probability.

    Raises:
      UserError: other ids, or another order.
    """
    rows, others = read_submission(found), read_submission(expected)
    if list(rows) != list(others):
        raise UserError(f"{found}: expected the ids of {expected} in their order")
    return max(float(np.abs(rows[element] - others[element]).max()) for element in rows)


def read_submission(path: Path) -> dict[str, Float[np.ndarray, "labels"]]:
    """Read a submission's probabilities by id, in its order."""
    return {fields[0]: np.array(fields[1:], float) for fields in read_rows(path).fields}


def _mount_test(source: Path, target: Path) -> None:
    """Copy the part of the competition that the kernel sees."""
    target.mkdir(parents=True)
    for name in (TABLES["test"], SAMPLE_SUBMISSION):
        shutil.copy(source / name, target)
    shutil.copytree(source / "test", target / "test")


def _state(folder: Path) -> tuple[list[str], str]:
    paths = sorted(folder.rglob("*"))
    names = [path.relative_to(folder).as_posix() for path in paths]
    return names, sha256_of((path for path in paths if path.is_file()), folder)


def _read_only(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(path.stat().st_mode & ~0o222)


def _isolation() -> tuple[str, ...]:
    """Return a command prefix that cuts the network off; empty where the machine forbids it."""
    try:
        allowed = subprocess.run([*_NO_NETWORK, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return ()
    return () if allowed.returncode else _NO_NETWORK


def _bare(scratch: Path) -> Mapping[str, str]:
    """Make an environment for the kernel alone, with proxies that lead nowhere.

    They stop it where the network can't be cut off."""
    proxies = {f"{kind}_proxy": _DEAD for kind in ("http", "https", "all")}
    return {
        "PATH": os.defpath,
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch),
        "PYTHONDONTWRITEBYTECODE": "1",
        **proxies,
    }
