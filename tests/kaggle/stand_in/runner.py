"""A kernel that is really run: its script, on its datasets and its competition as mounted."""

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.kaggle.stand_in.world import Body, Output, World


def run_script(world: World, request: Body) -> Output:
    """Run what was pushed with this Python, away from the project and without a network."""
    with tempfile.TemporaryDirectory() as scratch:
        mounts, output = Path(scratch) / "input", Path(scratch) / "working"
        output.mkdir()
        for source in request.get("datasetDataSources", []):
            mount(world.datasets[source].versions[-1], mounts / "datasets" / source)
        for source in request.get("competitionDataSources", []):
            mount(world.competitions[source].files, mounts / "competitions" / source)
        script = Path(scratch) / "script.py"
        script.write_text(request["text"], encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(script), "--input", str(mounts), "--output", str(output)],
            cwd=output,
            env={k: v for k, v in os.environ.items() if not k.startswith("KAGGLE_")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        world.kernel_status = "ERROR" if done.returncode else "COMPLETE"
        files = {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()}
        return Output(files, done.stdout)


def mount(files: dict[str, bytes], folder: Path) -> None:
    """Lay out files as Kaggle does: archives become folders of their names."""
    for name, data in files.items():
        target = folder / name
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                archive.extractall(target.with_suffix(""))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def competition_files(folder: Path) -> dict[str, bytes]:
    """A folder in Kaggle's layout, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
