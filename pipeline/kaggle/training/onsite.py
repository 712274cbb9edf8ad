"""The part of a training kernel that the project brings along: environment, stages, output.

It uses the standard library only: its Python is Kaggle's, and the stages run in an environment from
the project's lock. It leaves a DVC remote as one archive, the checkpoints of folds that were
stopped as another, and a report, which holds the digests of both.
"""

import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pipeline.errors import UserError
from pipeline.files import sha256, write_json
from pipeline.kaggle.training.last_step import last_step

REPORT: Final = "report.json"
REMOTE: Final = "remote.tar"
CHECKPOINTS: Final = "checkpoints.tar"
TRAINED, STOPPED, FAILED, LEFT = "trained", "stopped", "failed", "not begun"
_LIBRARIES, _DRIVER = "LD_LIBRARY_PATH", "libcuda.so.1"
_TOLD = re.compile("(error|stopped): ")
# Without git, and with a remote of its own: the project's own configuration may name others.
_CONFIG = """\
[core]
    no_scm = true
    analytics = false
    check_update = false
    remote = out
['remote "out"']
    url = {remote}
"""


class Session:
    """One run: its order, its folders, and the environment that its stages run in."""

    def __init__(
        self, order: Mapping[str, Any], digest: str, scratch: Path, output: Path, started: float
    ) -> None:
        """Take over an order.

        Args:
          order: as `pipeline/kaggle/training/order.py` writes it.
          digest: of it.
          scratch: holds the workspace in `project` and `checkpoints`; gets the environment and
            DVC's remote.
          output: what Kaggle keeps.
          started: seconds since the epoch, from which the session's limit counts.
        """
        self.order, self.digest, self.output, self.started = order, digest, output, started
        self.scratch = scratch
        self.project = scratch / "project"
        self.remote = scratch / "remote"
        self.checkpoints = scratch / "checkpoints"
        self.python = sys.executable
        self.said: dict[str, str] = {}

    def run(self) -> None:
        """Train, and leave what goes home.

        Raises:
          UserError: the environment can't be made, the devices aren't there, or nothing came of it.
        """
        self.prepare()
        self.check_devices()
        states = self.train()
        self.leave(states)
        if not set(states.values()) & {TRAINED, STOPPED}:
            raise UserError("nothing was trained; the lines above say why")

    def prepare(self) -> None:
        """Make the environment, and let DVC work without git on a remote of its own."""
        lock = self.project / "requirements" / self._lock()
        if other := next(differences(lock.read_text(encoding="utf-8")), None):
            _say(f"environment: from {lock.name} ({other})")
            self.python = self._environment()
        else:
            _say(f"environment: this Python's own, as in {lock.name}")
        (self.project / ".dvc").mkdir()
        config = _CONFIG.format(remote=self.remote)
        (self.project / ".dvc" / "config").write_text(config, encoding="utf-8")

    def _lock(self) -> str:
        return f"{self.order['build']}-py{sys.version_info.major}.{sys.version_info.minor}.txt"

    def _environment(self) -> str:
        """Install the lock into an environment; return its Python."""
        folder = self.scratch / "environment"
        command = ["sh", "requirements/install.sh", str(folder), self.order["build"]]
        if self._run([*command, sys.executable])[0]:
            raise UserError(f"no environment from {self._lock()}; the lines above say why")
        return str(folder / "bin" / "python")

    def check_devices(self) -> None:
        """Hold the devices that JAX finds in the environment to those asked for.

        Raises:
          UserError: it finds others.
        """
        if self.order["platform"] == "cpu":
            return
        code = "import jax; print(*(d.platform for d in jax.local_devices()), sep='\\n')"
        _, lines = self._run([self.python, "-c", code])
        found = lines.count(self.order["platform"])
        if found != self.order["devices"]:
            raise UserError(
                f"expected {self.order['devices']} {self.order['platform']} device(s), JAX found "
                f"{found}"
            )

    def train(self) -> dict[str, str]:
        """Run the stages; return how each ended."""
        states = dict.fromkeys(self.order["stages"], LEFT)
        if self.order["at_once"]:
            folds = ["-m", "commands.folds", "--model", self.order["model"]]
            self._run([self.python, *folds, "--only", *states])
        for stage in states:
            if self._is_late():
                break
            status, lines = self._dvc_status("repro", "--single-item", stage)
            if status:
                self.said[stage] = next(filter(_TOLD.match, reversed(lines)), "")
                states[stage] = STOPPED if self._is_late() else FAILED
            else:
                states[stage] = TRAINED
                self._dvc("push", "--quiet", "--run-cache", stage)
            _say(f"{stage}: {states[stage]}")
        # The folds that train at once are saved too, without a stage of theirs having begun.
        if self._is_late():
            states |= {s: STOPPED for s, state in states.items() if state == LEFT}
        return states

    def _is_late(self) -> bool:
        return time.time() - self.started >= 60 * self.order["minutes"]

    def leave(self, states: Mapping[str, str]) -> None:
        """Write what goes home; the report is last, for it says that all is there."""
        self.output.mkdir(parents=True, exist_ok=True)
        files = {}
        for name, content in ((REMOTE, _all(self.remote)), (CHECKPOINTS, self._last_steps())):
            listed = list(content)
            if not listed:
                continue
            # Weights don't compress.
            with tarfile.open(self.output / name, "w") as archive:
                for path, arcname in listed:
                    archive.add(path, arcname)
            path = self.output / name
            files[name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        report = {
            "order": self.digest,
            "stages": dict(states),
            "said": self.said,
            "files": files,
            "seconds": time.time() - self.started,
        }
        write_json(self.output / REPORT, report)

    def _last_steps(self) -> Iterator[tuple[Path, str]]:
        """Yield the files of every run's last checkpoint."""
        for run in sorted(self.checkpoints.glob("*")):
            for path in last_step(run):
                yield path, path.relative_to(self.checkpoints).as_posix()

    def _dvc(self, *arguments: str) -> None:
        if self._dvc_status(*arguments)[0]:
            raise UserError(f"dvc {arguments[0]} failed; the lines above say why")

    def _dvc_status(self, *arguments: str) -> tuple[int, list[str]]:
        return self._run([self.python, "-m", "dvc", *arguments])

    def _run(self, command: Sequence[str]) -> tuple[int, list[str]]:
        """Run a command in the workspace, its lines in this log; return its status and its lines.

        Standard error comes with the rest: the log keeps the order in which things were said.
        """
        path = f"{Path(self.python).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        settings = {
            "PATH": path,
            "PYTHONUNBUFFERED": "1",
            "SESSION_STARTED": f"{self.started:.0f}",
            "CHECKPOINT_ROOT": str(self.checkpoints),
        }
        lines = []
        # Kaggle's own modules are on it, for its own Python.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        if _LIBRARIES in kept:
            kept[_LIBRARIES] = _drivers(kept[_LIBRARIES])
        with subprocess.Popen(
            command,
            cwd=self.project,
            env=kept | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                lines.append(line.rstrip("\n"))
        return process.returncode, lines


def _drivers(libraries: str) -> str:
    """Keep the folders of the GPU's driver: CUDA itself comes with JAX, the image has another."""
    folders = [path for path in libraries.split(os.pathsep) if path]
    return os.pathsep.join(path for path in folders if (Path(path) / _DRIVER).exists())


def differences(lock: str) -> Iterator[str]:
    """Yield what a lock has and this Python has not, in words."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        from pip._vendor.packaging.requirements import Requirement
    for line in lock.splitlines():
        text = line.removesuffix("\\").strip()
        if not text or text.startswith(("#", "--")):
            continue
        wanted = Requirement(text)
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            found = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            yield f"{wanted.name} is missing"
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            yield f"{wanted.name} is {found}"


def _all(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield path, path.relative_to(folder).as_posix()


def _say(line: str) -> None:
    print(line, flush=True)
