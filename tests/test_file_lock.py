"""A lock on a folder: one holder, let go of by whatever ends it, on the folder that is there."""

import errno
import fcntl
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import file_lock

HOLD = """
import sys, time
from pathlib import Path
from pipeline import file_lock
held = file_lock.take(Path(sys.argv[1]), 0.0)
print("held" if held else "refused", flush=True)
time.sleep(60)
"""


def test_a_kill_lets_go(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert file_lock.take(folder, 0.0) is None
        assert file_lock.take(folder, 0.1) is None
        holder.kill()
    taken = file_lock.take(folder, 0.0)
    assert taken is not None
    taken.release()
    assert (folder / file_lock.NAME).is_file(), "it marks the folder as a run's"


def test_a_folder_that_its_holder_removed_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited for the lock must not go on with that of a folder which is gone."""
    folder = tmp_path / "run"
    first = file_lock.take(folder, 0.0)
    assert first is not None

    def meanwhile(_: float) -> None:
        shutil.rmtree(folder)
        first.release()

    monkeypatch.setattr(time, "sleep", meanwhile)  # between two attempts
    second = file_lock.take(folder, 20.0)
    assert second is not None
    assert file_lock.take(folder, 0.0) is None
    second.release()


def test_another_thread_may_let_go(tmp_path: Path) -> None:
    held = file_lock.take(tmp_path, 0.0)
    assert held is not None
    with ThreadPoolExecutor() as other:
        other.submit(held.release).result()
    assert file_lock.take(tmp_path, 0.0) is not None


def test_a_file_system_without_locks_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that merely exists would outlive a killed holder."""

    def unknown(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with pytest.raises(OSError, match="Function not implemented"):
        file_lock.take(tmp_path, 0.0)
