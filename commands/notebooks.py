"""Execute the notebooks on the sample, in the versions of Kaggle's image: `make notebooks`.

Runs with that image's Python, which has nbclient; needs nothing of the project's library. Each
notebook runs in a copy of the checkout with an environment that is there already, on two simulated
devices, for two folds and one epoch. What the first takes home is taken in by another copy, which
has to train nothing.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient  # pyright: ignore[reportMissingImports]
from nbclient.exceptions import CellExecutionError  # pyright: ignore[reportMissingImports]

NOTEBOOKS = (Path("notebooks/kaggle.ipynb"), Path("notebooks/colab.ipynb"))
_TAG = "parameters"
_SECONDS = 900


def main(argv: Sequence[str] | None = None) -> int:
    """Execute each notebook; say what came of it."""
    argparse.ArgumentParser(prog="commands.notebooks", description=__doc__).parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        project = _copied(Path(scratch) / "project")
        for path in NOTEBOOKS:
            drive = Path(scratch) / path.stem
            _execute(path, _cut(project, drive), Path(scratch))
            if not (drive / "results.tar").is_file():
                print(f"error: {path}: left no results.tar", file=sys.stderr)
                return 1
            print(f"{path}: executed, ends in {(drive / 'results.tar').stat().st_size:,} bytes")
        home = _copied(Path(scratch) / "home")
        trained = _taken_in(home, Path(scratch) / NOTEBOOKS[0].stem / "results.tar")
        if trained or _bytes(home) != _bytes(project):
            print(f"error: at home it trained {trained or 'nothing, and differs'}", file=sys.stderr)
            return 1
        print("at home nothing is trained, and submission.csv has the same bytes")
    return 0


def _cut(project: Path, drive: Path) -> dict[str, Any]:
    """Return the parameters of a run that takes a minute."""
    return {
        "PROJECT": str(project),
        "PLATFORM": "cpu",
        "DEVICES": 2,
        "FOLDS": [0, 1],
        "EPOCHS": 1,
        "DRIVE": str(drive),
    }


def _copied(target: Path) -> Path:
    """Copy what git keeps, with the environment that is there, and no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if Path(name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, target / name)
    (target / ".venv").symlink_to(Path(".venv").resolve(), target_is_directory=True)
    return target


def _execute(path: Path, parameters: Mapping[str, Any], folder: Path) -> None:
    """Run a notebook with other parameters; a cell that fails ends in its output."""
    notebook = nbformat.read(path, as_version=4)
    place = next(
        n for n, cell in enumerate(notebook.cells) if _TAG in cell.metadata.get("tags", ())
    )
    lines = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(lines))
    client = NotebookClient(notebook, timeout=_SECONDS, resources={"metadata": {"path": folder}})
    try:
        client.execute(env=os.environ | {"JAX_NUM_CPU_DEVICES": "2"})
    except CellExecutionError as error:
        raise SystemExit(f"error: {path}: {error}") from None


def _taken_in(home: Path, archive: Path) -> list[str]:
    """Take an archive in as the notebook says; return the stages of training that ran."""
    subprocess.run(["tar", "--extract", "--file", str(archive)], cwd=home, check=True)
    shutil.copy(home / "results/params.yaml", home)
    environment = os.environ | {"PATH": f"{home}/.venv/bin:{os.environ['PATH']}"}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=home, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"error: {' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout

    run("make", "ready")
    run("dvc", "remote", "add", "--local", "--default", "home", str(home / "results"))
    said = run("dvc", "--wait-for-lock", "repro", "--pull")
    return [line for line in said.splitlines() if line.startswith("Running stage 'train@")]


def _bytes(project: Path) -> bytes:
    return (project / "submission.csv").read_bytes()


if __name__ == "__main__":
    sys.exit(main())
