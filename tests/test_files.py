"""Files and folders are whole or not there, and nobody takes what a kill leaves for data."""

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import files
from pipeline.errors import UserError
from pipeline.files import atomic_file, atomic_folder, read_json, write_text
from tests.contract.project import ROOT

# Writes with the calls that change folders counted, and dies before the one that it is told.
WRITER = """
import os, signal, sys
from pathlib import Path
from pipeline.files import atomic_folder, write_text
left = int(sys.argv[1])
def counted(call):
    def counting(*arguments, **options):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return call(*arguments, **options)
    return counting
for name in ("rename", "replace", "unlink", "rmdir", "chmod"):
    setattr(os, name, counted(getattr(os, name)))
if sys.argv[2] == "file":
    write_text(Path("out/one"), "new")
else:
    with atomic_folder(Path("out/one")) as folder:
        (folder / "a").write_text("new")
        (folder / "b").write_text("new")
"""


def kill_at(call: int, kind: str, project: Path) -> bool:
    """Write `out/one` in a process of its own; False once it is not killed any more."""
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(call), kind],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    return done.returncode != 0


def content(path: Path) -> dict[str, str]:
    if path.is_file():
        return {"": path.read_text()}
    return {inner.name: inner.read_text() for inner in path.glob("*")}


def test_a_file_is_the_old_or_the_new(tmp_path: Path) -> None:
    target, call = tmp_path / "out/one", 0
    target.parent.mkdir()
    target.write_text("old")
    while kill_at(call, "file", tmp_path):
        assert content(target) in ({"": "old"}, {"": "new"})
        call += 1
    assert call > 1
    assert [path.name for path in target.parent.iterdir()] == ["one"], "what was left is removed"


def test_a_folder_is_the_old_or_the_new_or_for_a_moment_none(tmp_path: Path) -> None:
    found, call, killed = [], 0, True
    while killed:
        project = tmp_path / str(call)
        for name in ("a", "b", "c"):
            write_text(project / "out/one" / name, "old")
        killed = kill_at(call, "folder", project)
        found.append(content(project / "out/one"))
        assert not kill_at(1000, "folder", project)
        assert content(project / "out/one") == NEW
        assert [path.name for path in (project / "out").iterdir()] == ["one"]
        call += 1
    assert found.count({}) == 1, "between two renames"
    assert all(one in (OLD, NEW, {}) for one in found)


OLD, NEW = dict.fromkeys("abc", "old"), dict.fromkeys("ab", "new")


def test_an_old_folder_that_a_kill_left_aside_is_back(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as dead:
        pass
    write_text(tmp_path / f".one.former.{dead.pid}.abc.unfinished/a", "old")
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "one"):
        print(1 / 0)
    assert content(tmp_path / "one") == {"a": "old"}


def test_nobody_takes_an_unfinished_one_for_data(tmp_path: Path) -> None:
    """DVC hashes the folders above outputs, git lists what is new: both are told the pattern."""
    with atomic_file(tmp_path / "file") as file, atomic_folder(tmp_path / "folder") as folder:
        assert {file.parent, folder.parent} == {tmp_path}, "the same filesystem, whatever it is"
        for path in (file, folder):
            assert path.match(".*.unfinished")
    for name in (".dvcignore", ".gitignore"):
        assert ".*.unfinished" in (ROOT / name).read_text().splitlines()


def test_another_process_s_unfinished_one_stays(tmp_path: Path) -> None:
    (tmp_path / f".one.new.{os.getppid()}.abc.unfinished").mkdir()
    (tmp_path / ".other.new.1.abc.unfinished").mkdir()
    write_text(tmp_path / "one", "new")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_dead_process_s_unfinished_ones_go(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as dead:
        pass
    (tmp_path / f".one.new.{dead.pid}.abc.unfinished").mkdir()
    (tmp_path / f".one.new.{dead.pid}.abc.unfinished/part").write_text("half")
    (tmp_path / f".one.new.{dead.pid}.xyz.unfinished").write_text("half")
    (tmp_path / f".one.new.{os.getpid()}.before-a-restart.unfinished").write_text("half")
    (tmp_path / ".one.new.odd.unfinished").write_text("someone's own")
    write_text(tmp_path / "one", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".one.new.odd.unfinished", "one"]


def test_a_folder_behind_a_link_is_replaced_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/old").touch()
    (tmp_path / "link").symlink_to("elsewhere")
    with atomic_folder(tmp_path / "link") as folder:
        (folder / "new").touch()
    assert (tmp_path / "link").is_symlink()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["new"]


@pytest.fixture(params=["here", "another disk"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """An empty folder outside the project's, on the same file system and on another one."""
    root = Path("/dev/shm") if request.param == "another disk" else tmp_path
    if not root.is_dir() or not os.access(root, os.W_OK):
        pytest.skip(f"no {root} here")
    with tempfile.TemporaryDirectory(dir=root) as folder:
        yield Path(folder)


@pytest.mark.parametrize("there", [True, False])
def test_a_file_behind_a_link_is_replaced_where_it_is(
    tmp_path: Path, elsewhere: Path, there: bool
) -> None:
    target, link = elsewhere / "deep/one", tmp_path / "project/one"
    if there:
        write_text(target, "old")
    link.parent.mkdir()
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert content(target) == {"": "new"}
    assert [path.name for path in target.parent.iterdir()] == ["one"]
    assert [path.name for path in link.parent.iterdir()] == ["one"]


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_behind_a_link_is_replaced_on_its_own_disk(
    tmp_path: Path, elsewhere: Path, there: bool
) -> None:
    target, link = elsewhere / "deep/one", tmp_path / "project/one"
    if there:
        write_text(target / "a", "old")
    link.parent.mkdir()
    link.symlink_to(target)
    with atomic_folder(link) as folder:
        write_text(folder / "b", "new")
    assert link.is_symlink()
    assert content(target) == {"b": "new"}
    assert [path.name for path in target.parent.iterdir()] == ["one"]
    # And inside a folder behind a link.
    with atomic_folder(link / "inner") as folder:
        write_text(folder / "a", "new")
    write_text(link / "b", "newer")
    assert content(target / "inner") == {"a": "new"}
    assert (target / "b").read_text() == "newer"


def test_a_mistake_behind_a_link_is_told_under_the_link_s_name(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    with pytest.raises(UserError) as error, atomic_folder(tmp_path / "link") as folder:
        raise UserError(f"{folder / 'train.csv'}: found no header")
    assert str(error.value) == f"{tmp_path / 'link'}/train.csv: found no header"


def test_a_link_into_dvc_s_cache_is_replaced_and_the_cache_keeps_its_bytes(tmp_path: Path) -> None:
    cached = tmp_path / "cache/files/md5/5d/41402abc4b2a76b9719d911017c592"
    write_text(cached, "old")
    link = tmp_path / "one"
    link.symlink_to(cached)
    write_text(link, "new")
    assert not link.is_symlink()
    assert (cached.read_text(), link.read_text()) == ("old", "new")


def test_a_mounted_disk_itself_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == "disk")
    with pytest.raises(UserError) as error, atomic_folder(tmp_path / "link"):
        pass
    assert str(error.value) == (
        f"{tmp_path / 'link'}: found a mounted disk itself, expected a folder on it: the whole "
        "folder is replaced"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link"]


def test_what_killed_writers_left_in_a_folder_is_cleared(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as dead:
        pass
    left = [
        tmp_path / f".{name}.{dead.pid}.abc.unfinished"
        for name in ("one.new", "two.new", "two.former", "three.former")
    ]
    for path in left:
        write_text(path / "a", "old")
    kept = [tmp_path / f".one.new.{os.getppid()}.abc.unfinished", tmp_path / ".one.unfinished"]
    for path in kept:
        path.touch()
    write_text(tmp_path / "two/a", "new")
    assert files.clear_unfinished(tmp_path, "one") == [left[0]]
    assert sorted(files.clear_unfinished(tmp_path)) == sorted(left[1:])
    assert content(tmp_path / "two") == {"a": "new"}
    assert content(tmp_path / "three") == {"a": "old"}, "it was moved aside and none came for it"
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "two", tmp_path / "three"])
    assert files.clear_unfinished(tmp_path / "none") == []


def test_an_error_leaves_the_old_one(tmp_path: Path) -> None:
    write_text(tmp_path / "one/file", "old")
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "one") as folder:
        (folder / "file").write_text(str(1 / 0))
    assert (tmp_path / "one/file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_new_folder_that_cannot_be_moved_in_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    rename = Path.rename

    def refuse(self: Path, onto: Path) -> Path:
        if ".new." in self.name:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, onto)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="Input/output"), atomic_folder(target) as folder:
        (folder / "new").touch()
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("whole", [atomic_file, atomic_folder])
def test_an_error_names_what_was_to_be_written(whole: Any, tmp_path: Path):
    with pytest.raises(UserError) as told, whole(tmp_path / "out") as temporary:
        raise UserError(f"{temporary}: {temporary}/a: odd")
    assert str(told.value) == f"{tmp_path}/out: {tmp_path}/out/a: odd"
    with pytest.raises(OSError, match=r"Not a|No such") as missing, whole(tmp_path / "out") as out:
        (out / "a/b").open()
    assert missing.value.filename == f"{tmp_path}/out/a/b"


def test_json_that_is_nested_too_deeply_is_named(tmp_path: Path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"deep\.json: not JSON: nested too deeply$"):
        read_json(path)
