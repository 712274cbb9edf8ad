"""A project whose folds train on the stand-in's kernels, by the commands that a user gives."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.files import sha256
from tests.configurations import SMALL, changed, text
from tests.contract.project import ROOT, few_essays, run_module, without_git
from tests.kaggle.stand_in.runner import LiveRun
from tests.kaggle.stand_in.server import environment, serve
from tests.kaggle.stand_in.world import World

MODEL = "small"
LONG = changed(
    SMALL,
    {
        "compute": {"platform": "cpu", "devices": 1},
        "models": {MODEL: {"train": {"epochs": 16}}},
    },
)
"""Some fifty steps a fold: a session's end comes in their midst."""


class TrainingProject:
    """A folder with the project, and Kaggle as it sees it."""

    def __init__(self, folder: Path, world: World, settings: Mapping[str, str]) -> None:
        self.folder, self.world, self.settings = folder, world, settings

    def start(self, *options: str) -> "subprocess.Popen[str]":
        """Begin the command."""
        command = [sys.executable, "-m", "commands.train_on_kaggle", "--model", MODEL]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.Popen(
            [*command, "--accelerator", "cpu", "--poll", "0.05", *options],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "JAX_PLATFORMS": "", **self.settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def train(self, *options: str) -> tuple[int, str]:
        """Run the command; return its status and what it printed."""
        process = self.start(*options)
        out, _ = process.communicate()
        return process.returncode, out

    def run(self, module: str, *arguments: str) -> str:
        """Run another module as a command."""
        return run_module(self.folder, module, *arguments)

    def runs(self) -> list[LiveRun]:
        """Every run of a kernel, in the order of their pushes."""
        found = [run.live for versions in self.world.kernels.values() for run in versions]
        return [run for run in found if isinstance(run, LiveRun)]

    def submission(self) -> str:
        """The digest of what `dvc repro` ends in."""
        return sha256(self.folder / "submission.csv")


def make(folder: Path, tree: Mapping[str, Any] = LONG) -> Path:
    """The project with a small configuration on a few essays."""
    without_git(folder, text(tree))
    (folder / "requirements").symlink_to(ROOT / "requirements")
    few_essays(ROOT / "data/sample", folder / "data/sample", train=32, test=6)
    return folder


def at_home(folder: Path) -> str:
    """Train without Kaggle; return the submission's digest."""
    run_module(make(folder), "dvc", "repro", "--quiet", "ensemble")
    return sha256(folder / "submission.csv")


@contextmanager
def on_kaggle(folder: Path, home: Path) -> Iterator[TrainingProject]:
    """Serve a Kaggle whose kernels really run, for a project."""
    home.mkdir(parents=True, exist_ok=True)
    world = World()
    world.start_kernel = LiveRun
    with serve(world) as address:
        settings = environment(address, home) | {"KAGGLE_API_TOKEN": world.token}
        project = TrainingProject(folder, world, settings)
        yield project
    for run in project.runs():
        run.kill()
    assert world.mistakes == []
    assert [path for _, path in world.log if not path.startswith("/")] == []
