"""`make spread` on this machine, interrupted and with nodes that die, held to a plain run.

Every step that a checkpoint held as its node died must not be trained again, and the submission
must have the plain run's bytes.
"""

import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import git
from pipeline.cluster.dying import DyingCluster
from pipeline.errors import STOPPED, UserError
from pipeline.files import sha256
from pipeline.graph import child
from pipeline.progress import say
from pipeline.settings import with_settings

# Three folds of a minute or less, saved about every second.
_SETTINGS: Mapping[str, Any] = {
    "split.n_folds": 3,
    "folds": [0, 1, 2],
    "models.tiny.train.epochs": 2,
    "session.checkpoint_minutes": 0.02,
}
_NODES = 2
_PATIENCE = 600.0  # seconds for one command
_LOOK = 0.1
_BETWEEN = (5.0, 45.0)  # seconds from one death to the next


class Loss(NamedTuple):
    """A training that was cut off.

    Attributes:
      stage: its name.
      saved: the step of its last whole checkpoint.
      line: how many lines the coordinator had said by then.
    """

    stage: str
    saved: int
    line: int


class Round:
    """One project with its cluster, from nothing to a submission."""

    def __init__(self, scratch: Path, source: Path) -> None:
        """Copy the project; nothing of it is made yet."""
        self.project, self._shared = copied(source, scratch / "project"), scratch / "shared"
        self._cluster = DyingCluster(scratch, self.project, _NODES)
        self._lines: list[str] = []
        self._losses: list[Loss] = []
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Round":
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._cluster.shutdown()

    def start(self) -> None:
        """Start the command."""
        command = [sys.executable, "-m", "commands.spread", "--address", self._cluster.address]
        self._process = subprocess.Popen(
            [*command, "--shared", str(self._shared), "--cpus", "1"],
            cwd=self.project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._began = time.monotonic()
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def is_over(self) -> bool:
        """Tell whether the command has ended.

        Raises:
          UserError: it should have, long ago.
        """
        assert self._process is not None
        if self._process.poll() is None:
            if time.monotonic() - self._began > _PATIENCE:
                raise UserError(f"make spread: no end after {_PATIENCE:.0f} s")
            return False
        self._reader.join()
        return True

    def until_saved(self, step: int) -> Any:
        """Wait for a fold with a checkpoint of `step`; return the node that runs it.

        Raises:
          UserError: none had one before all was over.
        """
        while not self.is_over():
            for node in self._cluster.nodes:
                if any(self._saved(stage) >= step for stage in self._cluster.stages(node)):
                    return node
            time.sleep(_LOOK)
        raise UserError("make spread: over before a fold could be cut off")

    def furthest(self) -> int:
        """The last step of any fold that is saved."""
        return max(self._saved(f"train@tiny-{fold}") for fold in _SETTINGS["folds"])

    def nodes(self) -> list[Any]:
        """Those that may die: all but the coordinator's."""
        return self._cluster.nodes

    def interrupt(self) -> None:
        """Press Ctrl-C, and hold the command to a clean end."""
        assert self._process is not None
        running = [stage for node in self._cluster.nodes for stage in self._cluster.stages(node)]
        self._process.send_signal(signal.SIGINT)
        while not self.is_over():
            time.sleep(_LOOK)
        if self._process.returncode != STOPPED:
            raise UserError(f"make spread: Ctrl-C ended it with {self._process.returncode}")
        still = [stage for node in self._cluster.nodes for stage in self._cluster.stages(node)]
        if still:
            raise UserError(f"make spread: Ctrl-C left {', '.join(still)} at work")
        self._note(running)

    def kill(self, node: Any) -> None:
        """Let a node die, and bring up another."""
        running = self._cluster.stages(node)
        self._cluster.replace(node)
        self._note(running)

    def finish(self) -> str:
        """Wait for the end; return the submission's sha256.

        Raises:
          UserError: the command failed, or something that was saved was trained again.
        """
        while not self.is_over():
            time.sleep(_LOOK)
        assert self._process is not None
        if self._process.returncode:
            raise UserError(f"make spread: ended with {self._process.returncode}")
        for loss in self._losses:
            check(loss, self._lines)
        return sha256(self.project / "submission.csv")

    def _note(self, stages: list[str]) -> None:
        for stage in stages:
            loss = Loss(stage, self._saved(stage), len(self._lines))
            say(f"-- {stage}: cut off, saved at step {loss.saved}")
            self._losses.append(loss)

    def _saved(self, stage: str) -> int:
        """The step of a fold's last whole checkpoint, 0 without one."""
        model, fold = stage.removeprefix("train@").rsplit("-", maxsplit=1)
        steps = self._shared.glob(f"checkpoints/{model}-fold{fold}-*/state/*")
        return max((int(step.name) for step in steps if step.name.isdecimal()), default=0)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.append(line.rstrip("\n"))
            say(f"   {line.rstrip()}")


def check(loss: Loss, lines: list[str]) -> None:
    """Hold the next beginning of a training to what was saved of it.

    Raises:
      UserError: steps that were saved were trained again.
    """
    later = lines[loss.line :]
    resumed = [
        int(found[1])
        for line in later
        if (found := re.fullmatch(rf"{loss.stage}: resumed at step (\d+) of \d+.*", line))
    ]
    # Without steps it was found in the run cache: it had been pushed.
    trained = any(re.match(rf"{loss.stage}: \d+ steps on ", line) for line in later)
    if loss.saved and trained and (not resumed or resumed[0] < loss.saved):
        found = f"at step {resumed[0]}" if resumed else "from its beginning"
        raise UserError(f"{loss.stage}: saved at step {loss.saved}, went on {found}")


def plain(source: Path, target: Path) -> str:
    """Run the graph without a cluster; return the submission's sha256.

    Raises:
      UserError: it failed.
    """
    project = copied(source, target)
    if child.run(project, "repro", "--quiet", environment={}):
        raise UserError("dvc repro failed without a cluster, as it says above")
    return sha256(project / "submission.csv")


def rehearse(source: Path, scratch: Path, kills: int, seed: int) -> None:
    """Interrupt a run and kill nodes under it; hold it to the plain one.

    Args:
      source: the project.
      scratch: an empty folder.
      kills: one comes in the middle of a fold; several at random moments, in as many rounds as it
        takes.
      seed: of the moments.

    Raises:
      UserError: a round ends otherwise than the plain run.
    """
    expected = plain(source, scratch / "plain")
    say(f"plain:  {expected}  submission.csv")
    drawn, done, number = random.Random(seed), 0, 0
    while done < kills:
        folder = scratch / f"round{number}"
        number += 1
        with Round(folder, source) as one:
            one.start()
            if kills == 1:
                one.until_saved(3)
                one.interrupt()
                one.start()
                one.kill(one.until_saved(one.furthest() + 3))
                done += 1
            while done < kills:
                moment = time.monotonic() + drawn.uniform(*_BETWEEN)
                while time.monotonic() < moment and not one.is_over():
                    time.sleep(_LOOK)
                if one.is_over():
                    break
                one.kill(drawn.choice(one.nodes()))
                done += 1
            found = one.finish()
        say(f"spread: {found}  submission.csv")
        if found != expected:
            raise UserError("the cluster's submission.csv has other bytes than the plain run's")
        shutil.rmtree(folder)
    say(f"spread: {done} node(s) killed in {number} run(s), nothing saved was trained twice")


def copied(source: Path, target: Path) -> Path:
    """Copy what git keeps, with the environment that is there, for the sample in three folds."""
    listed = git.ask(
        "-C", str(source), "ls-files", "-z", "--cached", "--others", "--exclude-standard"
    )
    for name in filter(None, (listed or "").split("\0")):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)
    (target / ".venv").symlink_to((source / ".venv").resolve(), target_is_directory=True)
    recipe = (target / "recipes/default.yaml").read_text(encoding="utf-8")
    (target / "params.yaml").write_text(with_settings(recipe, _SETTINGS).text, encoding="utf-8")
    (target / ".dvc/config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    return target
