import contextlib
import errno
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

from commands import prune
from pipeline.errors import UserError
from pipeline.graph import leftovers
from pipeline.graph.leftovers import TERRITORY, drop_lock_entries, leftover_paths, remove
from pipeline.graph.repository import opened


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def test_what_no_stage_knows_is_left_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    _touch(
        tmp_path,
        "artifacts/weights/old/fold0/model",
        "artifacts/weights/new/fold0/model",
        "artifacts/weights/new/fold1/model",
        "artifacts/theirs/oof.csv",
        "artifacts/.gitignore",
        "data/raw/train.csv",
    )
    outputs = [Path("artifacts/weights/new/fold0")]
    dependencies = [Path("artifacts/weights/new"), Path("artifacts/theirs/oof.csv")]
    territory = [Path("artifacts"), Path("metrics")]
    assert leftover_paths(territory, outputs, dependencies) == [
        Path("artifacts/weights/new/fold1"),
        Path("artifacts/weights/old"),
    ]


def test_a_link_is_removed_and_what_it_points_to_stays(tmp_path: Path):
    _touch(tmp_path, "kept/file")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove(tmp_path / "link")
    assert (tmp_path / "kept/file").exists()
    assert not (tmp_path / "link").exists()


def test_dead_lock_entries_go_and_the_rest_keeps_its_bytes(tmp_path: Path):
    lock = tmp_path / "dvc.lock"
    live = "  train@a-0:\n    cmd: x\n    outs:\n    - path: o\n      md5: abc.dir\n      size: 3\n"
    lock.write_text("schema: '2.0'\nstages:\n" + live + "  train@a-1:\n    cmd: y\n")
    assert drop_lock_entries(lock, ["train@a-0"]) == ["train@a-1"]
    assert lock.read_text() == "schema: '2.0'\nstages:\n" + live
    assert drop_lock_entries(lock, ["train@a-0"]) == []
    assert drop_lock_entries(tmp_path / "none", []) == []


def test_metrics_and_plots_of_a_model_that_is_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    old, new = Path("metrics/old.json"), Path("metrics/new.json")
    kept = [new, Path("plots/new/learning.csv"), Path("plots/new/confusion.csv")]
    _touch(tmp_path, *map(str, [old, Path("plots/old/learning.csv"), *kept]))
    assert leftover_paths(TERRITORY, kept, []) == [old, Path("plots/old")]


def test_where_no_stage_is_found_nothing_is_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder in the place of dvc.yaml would else make everything a leftover."""
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    Path("dvc.yaml").mkdir()
    Path("artifacts").mkdir()
    Path("artifacts/mine").touch()
    Path("dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    with pytest.raises(UserError, match=r"dvc\.yaml: no stages found, so nothing is removed"):
        prune.main()
    assert Path("artifacts/mine").exists()


def test_what_killed_writers_left_anywhere_in_the_project_is_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root, disk = tmp_path / "project", tmp_path / "disk"
    root.mkdir()
    monkeypatch.chdir(root)
    with subprocess.Popen(["true"]) as dead:
        pass
    end = f"{dead.pid}.abc.unfinished"
    left = [
        f".submission.csv.new.{end}",
        f"data/.raw.new.{end}/train.csv",
        f".cache/.params.yaml.new.{end}",
        f"artifacts/.bundle.new.{end}/manifest.json",
        f"artifacts/submit/.upload.former.{end}/manifest.json",
        f"artifacts/submit/.output.new.{end}/submission.csv",
        f"data/tokens/m/.train.new.{end}/state.json",
    ]
    _touch(root, *left, "artifacts/submit/upload/manifest.json")
    _touch(disk, f".submission.csv.new.{end}", f".another.new.{end}", "submission.csv")
    (root / "submission.csv").symlink_to(disk / "submission.csv")
    assert len(leftovers.clear_killed()) == len(left) + 1
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == [
        "manifest.json",
        "submission.csv",
    ]
    assert sorted(path.name for path in disk.iterdir()) == [
        f".another.new.{end}",
        "submission.csv",
    ], "what is not the project's stays"


def test_what_is_being_written_is_no_leftover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    writing = Path(f"artifacts/.bundle.new.{os.getppid()}.abc.unfinished")
    _touch(tmp_path, f"{writing}/manifest.json", "artifacts/old/x", "artifacts/new/x")
    assert leftover_paths(TERRITORY, [Path("artifacts/new/x")], []) == [Path("artifacts/old")]
    assert leftovers.clear_killed() == []
    assert writing.exists()


def test_dvc_s_own_tables_on_a_full_disk_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()

    def write() -> None:
        with opened(), contextlib.closing(sqlite3.connect(":memory:")) as table:
            table.execute("pragma max_page_count = 1")
            table.execute("create table t (x)")

    with pytest.raises(OSError, match="No space left") as raised:
        write()
    assert raised.value.filename == ".dvc"


def test_a_link_that_cannot_be_followed_leaves_the_rest_to_be_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with subprocess.Popen(["true"]) as dead:
        pass
    left = Path(f"data/.raw.new.{dead.pid}.abc.unfinished")
    _touch(tmp_path, f"{left}/train.csv")
    Path("circle").symlink_to("circle")
    Path("locked").symlink_to("/nowhere/x")
    follow = leftovers.real_place

    def refused(link: Path) -> Path:
        if link.name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(link))
        return follow(link)

    # A superuser is refused nothing.
    monkeypatch.setattr(leftovers, "real_place", refused)
    assert leftovers.clear_killed() == [left]
