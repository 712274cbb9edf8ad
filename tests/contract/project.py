"""The project as the contract tests see it: committed files only, never a user's params.yaml."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
CODE = ("pipeline", "stages", "commands", "tests", "bench", "tpu_check")


def graph() -> dict[str, Any]:
    """`dvc.yaml` as it stands."""
    return YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))


def python_files(*folders: str) -> Iterator[Path]:
    """Every module of the folders, relative to the root."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT)


def without_git(target: Path, parameters: str) -> Path:
    """A copy of what the graph needs at `target`, with this params.yaml, without git."""
    target.mkdir(parents=True, exist_ok=True)
    for folder in ("pipeline", "stages", "commands", "recipes", ".dvc"):
        ignore = shutil.ignore_patterns("__pycache__", "cache", "tmp", "config.local")
        shutil.copytree(ROOT / folder, target / folder, ignore=ignore)
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, target / name)
    (target / "params.yaml").write_text(parameters, encoding="utf-8")
    (target / ".dvc/config.local").write_text("[core]\n    no_scm = true\n")
    return target


def few_essays(source: Path, target: Path, train: int, test: int) -> None:
    """Kaggle's layout with the first essays of each split."""
    target.mkdir(parents=True)
    kept: set[str] = set()
    for split, essays in (("train", train), ("test", test)):
        with (source / f"{split}.csv").open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            names, rows = reader.fieldnames or [], list(reader)
        chosen = list(dict.fromkeys(row["essay_id"] for row in rows))[:essays]
        (target / split).mkdir()
        for essay in chosen:
            shutil.copy(source / split / f"{essay}.txt", target / split)
        rows = [row for row in rows if row["essay_id"] in chosen]
        _write(target / f"{split}.csv", names, rows)
        kept = {row["discourse_id"] for row in rows}
    with (source / "sample_submission.csv").open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        rows = [row for row in reader if row["discourse_id"] in kept]
        _write(target / "sample_submission.csv", reader.fieldnames or [], rows)


def _write(path: Path, names: object, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(names))  # type: ignore[call-overload]
        writer.writeheader()
        writer.writerows(rows)


def run_module(folder: Path, module: str, *arguments: str) -> str:
    """Run a module as a command in a project; return what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=os.environ | {"PATH": path, "JAX_PLATFORMS": "", "SHELL": "/bin/sh"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
