"""Memory by hand, on this machine and as other systems tell it."""

import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import memory

STATUS = "Name:\tpython\nVmPeak:\t   99999 kB\nVmHWM:\t    3072 kB\nVmRSS:\t    1024 kB\n"


def test_the_peak_is_read_off_linux_s_account(tmp_path: Path) -> None:
    (tmp_path / "status").write_text(STATUS)
    assert memory.peak_megabytes(tmp_path / "status") == 3.0


@pytest.mark.parametrize(("platform", "unit"), [("darwin", 1), ("linux", 1024)])
def test_the_peak_where_there_is_no_such_account(
    platform: str, unit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(ru_maxrss=5 * 2**20 // unit)
    monkeypatch.setattr(resource, "getrusage", lambda _: usage)
    monkeypatch.setattr(sys, "platform", platform)
    assert memory.peak_megabytes(tmp_path / "absent") == 5.0
    (tmp_path / "status").write_text("Name:\tpython\n")
    assert memory.peak_megabytes(tmp_path / "status") == 5.0


PARENT = """
import subprocess, sys
held = b"x" * 2**29
program = "from pipeline.memory import peak_megabytes; print(peak_megabytes())"
subprocess.run([sys.executable, "-c", program])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a new program starts at nothing")
def test_the_peak_is_not_that_of_the_process_before() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT], capture_output=True, text=True, check=True
    )
    assert 5.0 < float(done.stdout) < 200.0
