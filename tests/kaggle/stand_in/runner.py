"""A kernel that is really run: its script, on its datasets and its competition as mounted."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

from tests.kaggle.stand_in.world import Body, Output, World


def run_script(world: World, request: Body) -> Output:
    """Run what was pushed to its end."""
    live = LiveRun(world, request)
    live.join()
    world.kernel_status = live.status
    assert live.output is not None
    return live.output


class LiveRun:
    """Runs what was pushed, away from the project.

    With this Python, or that of STAND_IN_PYTHON.
    """

    def __init__(self, world: World, request: Body) -> None:
        self.log: list[str] = []
        self.output: Output | None = None
        self.status = "RUNNING"
        self._scratch = tempfile.TemporaryDirectory()
        self._process = self._start(world, request)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _start(self, world: World, request: Body) -> "subprocess.Popen[str]":
        scratch = Path(self._scratch.name)
        mounts, output = scratch / "input", scratch / "working"
        output.mkdir()
        (scratch / "tmp").mkdir()
        for source in request.get("datasetDataSources", []):
            mount(world.datasets[source].versions[-1], mounts / "datasets" / source)
        for source in request.get("competitionDataSources", []):
            mount(world.competitions[source].files, mounts / "competitions" / source)
        script = scratch / "script.py"
        script.write_text(request["text"], encoding="utf-8")
        # A kernel with the network has the machine's own.
        proxies = r"https?_proxy|no_proxy" if request.get("enableInternet") else r"(?!)"
        hidden = re.compile(rf"KAGGLE_.*|{proxies}", re.IGNORECASE)
        kept = {k: v for k, v in os.environ.items() if not hidden.fullmatch(k)}
        python = os.environ.get("STAND_IN_PYTHON", sys.executable)
        return subprocess.Popen(
            [python, str(script), "--input", str(mounts), "--output", str(output)],
            cwd=output,
            env=kept | {"TMPDIR": str(scratch / "tmp")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.log.append(line)
        failed = self._process.wait()
        working = Path(self._scratch.name) / "working"
        files = {path.name: path.read_bytes() for path in working.iterdir() if path.is_file()}
        self.status = "ERROR" if failed else "COMPLETE"
        self.output = Output(files, "".join(self.log))
        self._scratch.cleanup()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def kill(self) -> None:
        """End it as a machine that is lost does, with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.join()


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
