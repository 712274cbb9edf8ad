"""A node's environment: named by its lock, made once, by the project's own script."""

import subprocess
import threading
from pathlib import Path

import pytest

from pipeline.cluster import environment

SCRIPT = """echo "$1 $2" >>calls
mkdir -p "$1"
[ ! -e broken ] || { echo "error: no network" >&2; exit 1; }
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(environment.FOLDER, str(tmp_path / "node"))
    folder = tmp_path / "project"
    (folder / "requirements").mkdir(parents=True)
    (folder / "requirements/install.sh").write_text(SCRIPT)
    (folder / "requirements/cpu-py3.12.txt").write_text("a==1\n")
    return folder


def _calls(project: Path) -> list[str]:
    return (project / "calls").read_text().splitlines()


def test_another_lock_is_another_environment(project: Path) -> None:
    before = environment.name(project, "cpu")
    assert before.startswith("cpu-")
    (project / "requirements/tpu-py3.12.txt").write_text("b==1\n")
    assert environment.name(project, "cpu") == before, "not this build's"
    (project / "requirements/cpu-py3.12.txt").write_text("a==2\n")
    assert environment.name(project, "cpu") != before


def test_of_tasks_at_once_one_installs(project: Path, tmp_path: Path) -> None:
    made: list[Path] = []
    tasks = [
        threading.Thread(target=lambda: made.append(environment.made(project, "cpu")))
        for _ in range(3)
    ]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    place = tmp_path / "node/environments" / environment.name(project, "cpu")
    assert made == [place] * 3
    assert _calls(project) == [f"{place} cpu"]


def test_what_could_not_be_installed_is_tried_again(project: Path) -> None:
    (project / "broken").touch()
    with pytest.raises(subprocess.CalledProcessError) as told:
        environment.made(project, "cpu")
    assert told.value.stderr == "error: no network\n"
    (project / "broken").unlink()
    environment.made(project, "cpu")
    assert len(_calls(project)) == 2
