"""The disk has to hold a fold before its training begins."""

import os
import shutil
from pathlib import Path

import pytest

from pipeline import room
from pipeline.competition.schema import TASK
from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.training import fold, needs
from pipeline.training.job import job_of
from pipeline.units import Unit
from tests.configurations import SMALL, changed, write

GIGABYTE = 10**9
NAME = "small-fold0-0123456789abcdef"


def sparse(name: str, size: int) -> None:
    """Make a file of so many bytes, without room on the disk for them."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    with Path(name).open("wb") as stream:
        stream.truncate(size)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backbone of 1.7 GB; the weights that are trained have as many bytes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHECKPOINT_ROOT", raising=False)
    write(SMALL)
    sparse("data/backbones/small/model.safetensors", 1_700_000_000)
    return tmp_path


def check(free: float, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """The line on a disk with so many GB; None where they are enough."""
    usage = shutil.disk_usage(".")._replace(free=int(free * GIGABYTE))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    job = job_of(load_configuration(), "small", Unit(0))
    try:
        needs.check_room({Path(os.environ.get("CHECKPOINT_ROOT", ".checkpoints"), NAME): job})
    except UserError as error:
        return str(error)
    return None


def test_weights_and_three_checkpoints_have_to_fit(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.7 of weights, 3 x 3 x 1.7 of parameters and moments in checkpoints."""
    assert check(17.1, monkeypatch) is None
    assert check(16.9, monkeypatch) == (
        f"{project}: its disk has 16.9 GB free, train@small-0 needs about 17.0 GB (1.7 GB for "
        "weights, 15.3 GB for checkpoints); make room, or put checkpoints elsewhere by "
        "CHECKPOINT_ROOT"
    )


def test_the_best_parameters_take_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    write(changed(SMALL, {"models": {"small": {"train": {"select": "best"}}}}))
    line = check(22.0, monkeypatch)
    assert line is not None
    assert "needs about 22.1 GB (1.7 GB for weights, 20.4 GB for checkpoints)" in line


def test_a_run_that_goes_on_has_its_checkpoints_already(monkeypatch: pytest.MonkeyPatch) -> None:
    sparse(f".checkpoints/{NAME}/state/3/arrays/d/x", 5_100_000_000)
    sparse(f".checkpoints/{NAME}/state/5/arrays/d/x", 5_100_000_000)
    sparse(f".checkpoints/{NAME}/damaged/2/arrays/d/x", 5_100_000_000)
    assert check(6.9, monkeypatch) is None
    line = check(6.7, monkeypatch)
    assert line is not None
    assert "needs about 6.8 GB (1.7 GB for weights, 5.1 GB for checkpoints)" in line


def test_checkpoints_elsewhere_have_to_fit_there(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("bucket")
    monkeypatch.setenv("CHECKPOINT_ROOT", str(elsewhere / "not" / "made"))
    monkeypatch.setattr(room, "device", os.fspath)
    assert check(15.4, monkeypatch) is None
    assert check(15.2, monkeypatch) == (
        f"{elsewhere}: its disk has 15.2 GB free, train@small-0 needs about 15.3 GB for "
        "checkpoints; make room, or put checkpoints elsewhere by CHECKPOINT_ROOT"
    )
    line = check(1.6, monkeypatch)
    assert line == (
        f"{project}: its disk has 1.6 GB free, train@small-0 needs about 1.7 GB for weights; "
        "make room"
    )


def test_a_tiny_fold_is_told_in_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    sparse("data/backbones/small/model.safetensors", 2_000_000)
    line = check(0.0015, monkeypatch)
    assert line is not None
    assert "its disk has 1.5 MB free, train@small-0 needs about 20.0 MB (2.0 MB for" in line


def test_a_disk_that_is_too_small_ends_a_fold_before_jax_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHECKPOINT_ROOT", raising=False)
    write(SMALL)
    for name in ("data/folds.parquet", "data/tokens/small/train/x", "data/clean/train/elements"
                 ".parquet", "data/backbones/small/model.safetensors"):  # fmt: skip
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(bytes(1000))
    usage = shutil.disk_usage(tmp_path)._replace(free=5000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(fold.machine, "start", lambda compute: pytest.fail("JAX starts"))
    with pytest.raises(UserError, match=r"its disk has 0\.0 MB free, train@small-0 needs"):
        fold.train_fold(job_of(load_configuration(), "small", Unit(0)), TASK, "c")
