"""What holds for every file of the project."""

import re
from pathlib import Path

import pytest

from pipeline import git
from tests.contract.project import CODE, ROOT, python_files

MODULES = list(python_files(*CODE))
TEXTS = [
    *MODULES,
    *(
        path.relative_to(ROOT)
        for pattern in (
            "*.*",
            "Makefile",
            "recipes/*",
            "docs/*",
            "notebooks/*",
            "requirements/*",
            "cluster/*",
            ".ci/*",
        )
        for path in ROOT.glob(pattern)
        if path.is_file()
        and path.suffix in {"", ".md", ".yaml", ".toml", ".txt", ".sh", ".ipynb"}
        and path.name not in {"params.yaml", "dvc.lock", ".git"}
    ),
]
# Written in halves, so that this file is no finding itself.
FORBIDDEN = {
    "an index's address": r"pypi\." + r"org|python" + r"hosted|index-" + r"url [h/]",
    "a path of some machine": r"(?<![\w.])/(root|home|Users|tmp)" + r"/\w|(?<![\w.])/work" + r"/",
    "pickle": r"^\s*(import|from) (pickle|joblib|" + r"dill|cloudpickle)\b|allow_" + r"pickle=True",
    "code from a checkpoint": r"trust_remote_" + r"code=True",
    "unfinished work": r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|NotImplemented" + r"Error",
}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_files_are_small(path: Path):
    # A list of declarations is looked up, not read.
    long = path.parts[0] == "tests" or path == Path("pipeline/params.py")
    limit = 400 if long else 320
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= limit


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str):
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(_lines(path), start=1)
        if re.search(FORBIDDEN[what], line)
    ]
    assert found == []


def test_no_link_is_kept():
    """It leads to a place of some machine, or to nothing in a clone."""
    kept = git.ask("-C", str(ROOT), "ls-files", "--stage") or ""
    assert [line for line in kept.splitlines() if line.startswith("120000")] == []


def _lines(path: Path) -> list[str]:
    return (ROOT / path).read_text(encoding="utf-8").splitlines()
