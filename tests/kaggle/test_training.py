"""Folds trained by kernels that really run, and taken in."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.files import sha256
from tests.configurations import changed
from tests.contract.project import run_module
from tests.kaggle.training_project import (
    LONG,
    MODEL,
    TrainingProject,
    at_home,
    make,
    on_kaggle,
)

pytestmark = pytest.mark.slow

INPUTS = "alice/effective-arguments-inputs-small"
KERNELS = [f"alice/effective-arguments-train-small-{fold}" for fold in (0, 1)]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[TrainingProject]:
    with on_kaggle(make(tmp_path / "project"), tmp_path / "home") as project:
        yield project


def test_two_kernels_a_killed_command_and_stopped_sessions(there: TrainingProject, tmp_path: Path):
    """Each fold has a kernel; its session's end stops it, and the next one goes on."""
    hours = 0.005
    process = there.start("--kernels", "2", "--hours", f"{hours}")
    assert process.stdout
    next(line for line in process.stdout if "steps on 1 cpu device" in line)
    process.kill()
    process.wait()
    # The kernels have gone on. The next command finds them, and pushes nothing.
    status, out = there.train("--kernels", "2", "--hours", f"{hours}")
    assert status in (0, 75), out
    assert "pushed" not in out
    assert sorted(there.world.kernels) == KERNELS
    assert [len(versions) for versions in there.world.kernels.values()] == [1, 1]
    for _ in range(8):
        if status == 0:
            break
        hours *= 1.5
        status, out = there.train("--kernels", "2", "--hours", f"{hours}")
        assert status in (0, 75), out
    assert status == 0
    said = "".join("".join(run.log) for run in there.runs())
    saved = re.findall(r"(train@small-\d): session\S+ \(\S+\) at step (\d+) of (\d+); saved", said)
    resumed = re.findall(r"(train@small-\d): resumed at step (\d+) of (\d+)", said)
    assert saved
    assert sorted(resumed) == sorted(saved)
    # What is the same is sent once.
    assert len(there.world.datasets[INPUTS].versions) == 1
    assert there.world.datasets[INPUTS].private
    out = there.run("dvc", "repro", "ensemble")
    assert out.count("is cached - skipping run") == 2
    assert "Running stage 'train" not in out
    found, expected = there.submission(), at_home(tmp_path / "at_home")
    print(f"submission.csv {found}, at home {expected}")
    assert found == expected


@pytest.mark.torture
def test_folds_at_once_have_the_bits_of_make_folds(tmp_path: Path):
    """Two folds in one kernel, each on a device of its own."""
    short = changed(LONG, {"compute": {"devices": 2}, "models": {MODEL: {"train": {"epochs": 3}}}})
    with on_kaggle(make(tmp_path / "project", short), tmp_path / "home") as project:
        status, out = project.train()
        assert status == 0, out
        (run,) = project.runs()
        assert "2 folds, 2 at once, each on a cpu device alone" in "".join(run.log)
        project.run("dvc", "repro", "--quiet", "ensemble")
        found = project.submission()
    home = make(tmp_path / "at_home", short)
    run_module(home, "commands.inputs", "--model", MODEL)
    run_module(home, "commands.folds", "--model", MODEL)
    run_module(home, "dvc", "repro", "--quiet", "ensemble")
    assert found == sha256(home / "submission.csv")
