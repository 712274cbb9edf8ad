"""Commands and kernels killed at random moments: nothing that was saved is trained twice."""

import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.kaggle.training_project import TrainingProject, at_home, make, on_kaggle

pytestmark = [pytest.mark.slow, pytest.mark.torture]

KILLS = int(os.environ.get("KILLS", "10"))
SEED = int(os.environ.get("SEED", f"{time.time_ns() % 10**6}"))
LONGEST = 30.0  # seconds until a kill; both folds take a minute or two
HOURS = 0.008  # of a session, which so may stop in the midst of a fold


def test_killed_at_random_moments(tmp_path: Path):
    draw, done = random.Random(SEED), 0
    print(f"KILLS={KILLS} SEED={SEED}")
    expected = at_home(tmp_path / "at_home")
    while done < KILLS:
        folder = tmp_path / f"{done}"
        with on_kaggle(make(folder / "project"), folder / "home") as project:
            status, hours = -1, HOURS
            while status:
                assert status in (-1, 1, 75)
                after = draw.uniform(0.0, LONGEST) if done < KILLS else None
                status, out = _command(project, hours, after)
                if status == -1:
                    done += 1
                    whom = _kill_kernel(project) if draw.random() < 0.3 else "runs on"
                    print(f"kill {done} after {after:.1f} s; the kernel {whom}")
                # A kernel that is lost leaves nothing. Any other failure is ours.
                assert status != 1 or "left no report.json" in out, out
                hours *= 1.1
            trained_once(project)
            out = project.run("dvc", "repro", "ensemble")
            assert "Running stage 'train" not in out
            found = project.submission()
        print(f"submission.csv {found}, at home {expected}")
        assert found == expected


def _command(project: TrainingProject, hours: float, after: float | None) -> tuple[int, str]:
    """Run the command, killed after some seconds unless it ends before; -1 says that it was."""
    process = project.start("--hours", f"{hours}")
    try:
        out, _ = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        return -1, out
    return process.returncode, out


def _kill_kernel(project: TrainingProject) -> str:
    """Lose the machine of the newest run, where it runs."""
    runs = project.runs()
    if not runs or runs[-1].output is not None:
        return "had ended"
    runs[-1].kill()
    return "is lost with its machine"


def trained_once(project: TrainingProject) -> None:
    """Hold every run to have gone on from the last step that one before it has left."""
    saved: dict[str, int] = {}
    ended: set[str] = set()
    for run in project.runs():
        log = "".join(run.log)
        for stage, total in re.findall(r"(train@\S+): (\d+) steps on", log):
            assert stage not in ended
            begun = re.search(rf"{stage}: resumed at step (\d+) of {total}", log)
            assert (int(begun[1]) if begun else 0) == saved.get(stage, 0)
            # What a lost machine had saved is lost with it.
            if run.status != "COMPLETE":
                continue
            left = re.search(rf"{stage}: session\S+ \(\S+\) at step (\d+) of", log)
            if left:
                saved[stage] = int(left[1])
            elif f"{stage}: trained\n" in log:
                ended.add(stage)
    assert ended == {"train@small-0", "train@small-1"}
