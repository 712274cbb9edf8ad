"""Leftovers, and the room that a configuration needs on disk."""

import shutil

import pytest

from pipeline import room
from tests.doctor.project import HUB, Project, errors, findings

GIGABYTE = 10**9


def test_leftovers_of_folds(project: Project):
    project.touch("artifacts/weights/tiny/fold4/model.safetensors", "artifacts/folds/tiny/fold4/x")
    project.touch("artifacts/test/tiny.parquet", "artifacts/test/baseline.parquet")
    assert errors() == []
    project.set(folds=[0, 1])
    told = "fold4 is not in params.yaml; `make prune` removes leftovers"
    assert errors() == [f"artifacts/weights/tiny: {told}", f"artifacts/folds/tiny: {told}"]


@pytest.mark.parametrize(
    ("free", "error"),
    [
        (24, True),  # 5 folds x 1.736 GB are 8.7, three checkpoints of 3 x 1.736 are 15.6
        (25, False),
    ],
)
def test_disk_space(free: int, error: bool, project: Project, monkeypatch: pytest.MonkeyPatch):
    project.set(models__tiny__encoder="deberta", models__tiny__backbone=HUB)
    project.touch("data/backbones/tiny/model.safetensors", size=1_736_000_000)
    (project.root / "data/backbones/tiny/origin.json").write_text(
        '{"source": "microsoft/deberta-v3-large", "revision": "main"}'
    )
    usage = shutil.disk_usage(project.root)._replace(free=free * GIGABYTE)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    found = findings()
    told = f"{project.root}: the run needs about 24.3 GB, {free}.0 GB are free"
    advice = "; free some, or move checkpoints elsewhere with CHECKPOINT_ROOT" if error else ""
    assert found["errors" if error else "notes"] == [told + advice]
    for fold in range(5):
        project.touch(f"artifacts/weights/tiny/fold{fold}/model.safetensors")
    assert findings() == {"errors": [], "notes": []}
    project.set(full=["tiny"])
    (line,) = [*findings()["errors"], *findings()["notes"]]
    assert "the run needs about 17.4 GB" in line


def test_token_arrays_take_room_too(project: Project, monkeypatch: pytest.MonkeyPatch):
    """1.4 bytes for a byte of the sample's CSV files."""
    project.touch("data/sample/train.csv", size=2 * GIGABYTE)
    usage = shutil.disk_usage(project.root)._replace(free=GIGABYTE)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    (line,) = errors()
    assert line.startswith(f"{project.root}: the run needs about 3.0 GB, 1.0 GB are free; free")


def test_checkpoints_elsewhere_are_counted_there(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
):
    elsewhere = tmp_path_factory.mktemp("bucket")
    monkeypatch.setenv("CHECKPOINT_ROOT", str(elsewhere / "not" / "made"))
    project.touch("data/backbones/tiny/model.safetensors", size=GIGABYTE)
    usage = shutil.disk_usage(project.root)._replace(free=8_500_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(
        room,
        "device",
        lambda path: "bucket" if elsewhere in path.parents or path == elsewhere else "disk",
    )
    (line,) = errors()
    assert line.startswith(f"{elsewhere}: the run needs about 9.0 GB, 8.5 GB are free")
