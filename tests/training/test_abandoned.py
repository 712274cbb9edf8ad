"""`make checkpoints` tells what a run still goes on from, and removes what none does."""

import errno
import json
import os
import re
import time
from pathlib import Path

import pytest

from commands import checkpoints
from pipeline import file_lock
from pipeline.configuration import load_configuration
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.fold import folder_of
from pipeline.training.job import job_of
from pipeline.training.origin import Origin
from pipeline.units import NO_FOLD, Unit
from tests.configurations import SMALL, write

INPUTS = ("data/folds.parquet", "data/tokens/small/train/data.arrow",
          "data/clean/train/elements.parquet", "data/backbones/small/config.json",
          "data/backbones/small/model.safetensors")  # fmt: skip


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration, and files in the places of training's inputs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHECKPOINT_ROOT", raising=False)
    write(SMALL)
    for name in INPUTS:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    return tmp_path


def interrupted(fold: int, seed: int | None = None) -> Path:
    """The folder that a killed run of `small` leaves."""
    job = job_of(load_configuration(), "small", Unit(fold, seed))
    origin = Origin.of(job.name, job.settings, job.inputs, job.code)
    folder = folder_of(job, origin)
    with Checkpoints(folder):
        origin.write(folder)
    (folder / "state/1").mkdir()
    (folder / "state/1/arrays").write_bytes(bytes(2_500_000))
    return folder


def edit(name: str, old: str, new: str) -> None:
    text = Path(name).read_text()
    assert old in text
    Path(name).write_text(text.replace(old, new))


def said(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    checkpoints.main(options)
    return capsys.readouterr().out.splitlines()


def test_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys) == [".checkpoints: no checkpoints"]


@pytest.mark.parametrize(
    ("unit", "stage"),
    [
        (Unit(0, 7), "reseed@small-0-7"),
        (Unit(NO_FOLD), "fit@small"),
        (Unit(NO_FOLD, 7), "refit@small-7"),
    ],
)
def test_every_kind_of_training_is_listed(
    unit: Unit, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("params.yaml", "seeds: []", "seeds: [7]")
    edit("params.yaml", "full: []", "full: [small]")
    interrupted(*unit)
    assert f": {stage}, 2.5 MB, " in said(capsys)[0]


def test_one_that_goes_on_is_listed_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    folder = interrupted(0)
    hour = time.time() - 3 * 3600
    for path in folder.rglob("*"):
        os.utime(path, (hour, hour))
    lines = said(capsys, "--remove")
    assert lines[0] == f"{folder}: train@small-0, 2.5 MB, 3 h 00 min old, its run goes on from it"
    assert lines[-1] == "2.5 MB in 1 folder(s), 0.0 MB of it abandoned"
    assert folder.exists()


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("params.yaml", "epochs: 1", "epochs: 3", "train.epochs was 1, is 3"),
        ("params.yaml", "dtype: float32", "dtype: bfloat16", "dtype was 'float32', is 'bfloat16'"),
        ("params.yaml", "folds: [0, 1]", "folds: [1]", "no stage of params.yaml"),
        ("params.yaml", "  small:", "  other:", "no stage of params.yaml"),
        (INPUTS[1], "data", "atad", f"{INPUTS[1]} has changed"),
    ],
)
def test_what_no_run_goes_on_from_is_removed(
    name: str, old: str, new: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = interrupted(0)
    edit(name, old, new)
    lines = said(capsys)
    assert lines[0].endswith(f", abandoned: {reason}")
    assert lines[-1] == (
        "2.5 MB in 1 folder(s), 2.5 MB of it abandoned: make checkpoints OPTIONS=--remove"
    )
    assert folder.exists()
    assert said(capsys, "--remove")[-2:] == [f"removed {folder}", "2.5 MB freed"]
    assert not folder.exists()


def test_a_missing_input_and_other_code_and_libraries_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = interrupted(0)
    about = json.loads((folder / "origin.json").read_text())
    assert about["code"].keys() == {"train", "networks/bert"}
    for part, key, reason in (
        ("code", "train", "the code of train has changed"),
        ("code", "networks/bert", "the code of networks/bert has changed"),
        ("code", "networks/gone", "the code of networks/gone has changed"),
        ("libraries", "optax", r"optax was 0\.0\.1, is \d.*"),
    ):
        changed = about | {part: about[part] | {key: "0.0.1"}}
        (folder / "origin.json").write_text(json.dumps(changed))
        assert re.search(f", abandoned: {reason}$", said(capsys)[0])
    (folder / "origin.json").write_text(json.dumps(about))
    Path(INPUTS[0]).unlink()
    assert said(capsys)[0].endswith(f", abandoned: {INPUTS[0]} is missing")


def test_a_flag_of_another_shell_abandons_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(0)
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert said(capsys)[0].endswith("its run goes on from it")


def test_one_in_use_is_never_removed(capsys: pytest.CaptureFixture[str]) -> None:
    folder = interrupted(0)
    edit("params.yaml", "epochs: 1", "epochs: 3")
    held = file_lock.take(folder, 0.0)
    assert held is not None
    assert said(capsys, "--remove")[0].endswith(", in use")
    assert (folder / "state/1/arrays").exists()
    held.release()


def test_another_machine_s_is_left_for_a_day(capsys: pytest.CaptureFixture[str]) -> None:
    """A lock on a mounted bucket holds on one machine only."""
    folder = interrupted(0)
    about = json.loads((folder / "origin.json").read_text())
    (folder / "origin.json").write_text(json.dumps(about | {"host": "elsewhere"}))
    edit("params.yaml", "epochs: 1", "epochs: 3")
    assert said(capsys, "--remove")[0].endswith(", in use on elsewhere within the last 24 h")
    assert folder.exists()
    days = time.time() - 2 * 86400
    for path in folder.rglob("*"):
        os.utime(path, (days, days))
    lines = said(capsys, "--remove")
    assert ", 2 d 0 h old, abandoned: " in lines[0]
    assert not folder.exists()


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"code": 3}', "\x00\x00"])
def test_one_whose_origin_cannot_be_read_is_abandoned(
    content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = interrupted(0)
    (folder / "origin.json").unlink()
    if content is not None:
        (folder / "origin.json").write_text(content)
    assert said(capsys, "--remove")[0].endswith(", abandoned: nothing says what it was made of")
    assert not folder.exists()


def test_what_is_no_checkpoint_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("notes", "small-fold0-photos", "small-fold0-0123456789abcdef"):
        Path(".checkpoints", name).mkdir(parents=True)
    assert said(capsys, "--remove") == [".checkpoints: no checkpoints"]
    assert len(list(Path(".checkpoints").iterdir())) == 3


def test_a_library_that_is_gone_is_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    origin = interrupted(0) / "origin.json"
    noted = json.loads(origin.read_text())
    noted["libraries"]["no-such-library"] = "1.0"
    origin.write_text(json.dumps(noted))
    assert "abandoned: no-such-library was 1.0, is not installed" in said(capsys)[0]


def test_a_folder_that_cannot_be_locked_is_left_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drive that is mounted for reading only."""
    folder = interrupted(0)
    edit("params.yaml", "epochs: 1", "epochs: 3")

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(file_lock, "take", refuse)
    lines = said(capsys, "--remove")
    assert "cannot be locked (a read-only file system; write elsewhere, " in lines[0]
    assert folder.is_dir()
