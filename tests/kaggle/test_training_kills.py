"""Commands and kernels killed at random moments: nothing that was saved is trained twice."""

import os
import random
import re
import signal
import time
from pathlib import Path

import pytest

from tests.kaggle.training_project import TrainingProject, at_home, make, on_kaggle

pytestmark = [pytest.mark.slow, pytest.mark.torture]

KILLS = int(os.environ.get("KILLS", "10"))
SEED = int(os.environ.get("SEED", f"{time.time_ns() % 10**6}"))
LONGEST = 25.0  # seconds until a kill; a session takes about as long
HOURS = 0.006  # of a session, which so stops in the midst of a fold


def test_killed_at_random_moments(tmp_path: Path):
    draw = random.Random(SEED)
    print(f"KILLS={KILLS} SEED={SEED}")
    with on_kaggle(make(tmp_path / "project"), tmp_path / "home") as project:
        for number in range(KILLS):
            process = project.start("--hours", f"{HOURS}")
            after = draw.uniform(0.0, LONGEST)
            time.sleep(after)
            whom = _kill_kernel(project) if draw.random() < 0.3 else "nothing"
            ended = process.poll()
            if ended is None:
                os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            assert ended in (None, 0, 1, 75), out
            print(f"kill {number + 1} after {after:.1f} s: command {ended}, kernel: {whom}")
        hours = HOURS
        for _ in range(12):
            status, out = project.train("--hours", f"{hours}")
            if status == 0:
                break
            hours *= 1.5
        assert status == 0, out
        trained_once(project)
        out = project.run("dvc", "repro", "ensemble")
        assert "Running stage 'train" not in out
        found = project.submission()
    expected = at_home(tmp_path / "home-project")
    print(f"submission.csv {found}, at home {expected}")
    assert found == expected


def _kill_kernel(project: TrainingProject) -> str:
    """Lose the machine of the newest run, where it runs."""
    runs = project.runs()
    if not runs or runs[-1].output is not None:
        return "none ran"
    runs[-1].kill()
    return "killed"


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
