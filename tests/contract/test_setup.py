"""Set-up on bare machines, with stand-ins for uv and Python that only note how they are called."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.version import Version

from tests.contract.project import ROOT, graph

SYSTEM = "/usr/bin:/bin"


def _command(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder `bin` for the PATH, and a project with locks for 3.11 and 3.12."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "requirements").mkdir()
    for lock in ("cpu-py3.11.txt", "cpu-py3.12.txt", "tpu-py3.12.txt", "extra.txt"):
        (tmp_path / "requirements" / lock).write_text("")
    return tmp_path


def _python(path: Path, version: str) -> None:
    """A Python that knows its version, and makes an environment with another of itself."""
    copy = (
        f'[ "$2" = venv ] && mkdir -p "$4/bin" && cp "$0" "$4/bin/python"; echo "$@" >>{path}.log'
    )
    answer = f'case "$2" in *version*) echo {version};; *) {copy};; esac'
    _command(path, f'if [ "$1" = -V ]; then echo Python {version}; exit; fi; {answer}')


def _install(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(ROOT / "requirements/install.sh"), *arguments],
        cwd=machine,
        env={"PATH": f"{machine / 'bin'}:{SYSTEM}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_uv_python_s_own_venv_installs_the_hashed_lock(machine: Path):
    _python(machine / "bin/some-python", "3.11")
    done = _install(machine, ".venv", "cpu", "some-python")
    assert done.returncode == 0, done.stderr
    lock = "requirements/cpu-py3.11.txt"
    told = f".venv: installing {lock}, which takes minutes the first time\n"
    assert done.stdout == f"{told}.venv: Python 3.11 from {lock}\n"
    calls = (machine / "bin/some-python.log").read_text()
    assert "-m venv --clear .venv" in calls
    assert "pip install --quiet --require-hashes -r requirements/cpu-py3.11.txt" in calls


def test_with_uv_it_installs(machine: Path):
    _python(machine / "bin/some-python", "3.12")
    _command(
        machine / "bin/uv",
        f'echo "$@" >>{machine}/uv.log; '
        'if [ "$1" = venv ]; then mkdir -p "$6/bin"; cp "$(command -v "$5")" "$6/bin/python"; fi',
    )
    done = _install(machine, ".venv", "tpu", "some-python")
    assert done.returncode == 0, done.stderr
    calls = (machine / "uv.log").read_text().splitlines()
    assert calls[0].startswith("venv --quiet --clear --python some-python .venv")
    assert calls[1].endswith("--require-hashes -r requirements/tpu-py3.12.txt")
    _install(machine, ".venv", "tpu", "some-python")
    assert "venv --quiet" not in (machine / "uv.log").read_text().splitlines()[-1]


def test_the_first_python_that_has_a_lock_is_taken(machine: Path):
    _python(machine / "bin/old", "3.9")
    _python(machine / "bin/new", "3.12")
    done = _install(machine, ".venv", "cpu", "absent", "old", "new")
    lock = "requirements/cpu-py3.12.txt"
    told = f".venv: installing {lock}, which takes minutes the first time\n"
    assert done.stdout == f"{told}.venv: Python 3.12 from {lock}\n"


def test_an_unhashed_list_is_installed_without_hashes(machine: Path):
    _python(machine / "bin/python3.12", "3.12")
    assert _install(machine, ".venv-extra", "extra.txt", "3.12").returncode == 0
    calls = (machine / "bin/python3.12.log").read_text()
    assert "install --quiet -r requirements/extra.txt" in calls


def test_no_fitting_python_is_one_line(machine: Path):
    _python(machine / "bin/old", "3.9")
    done = _install(machine, ".venv", "cpu", "old")
    assert done.returncode == 3
    assert done.stderr.startswith("error: no Python for cpu: tried old; in requirements/: cpu-py")
    assert done.stderr.count("\n") == 1


def test_neither_uv_nor_venv_is_one_line(machine: Path):
    _command(machine / "bin/bare", 'case "$2" in *version*) echo 3.11;; *) exit 1;; esac')
    done = _install(machine, ".venv", "cpu", "bare")
    assert done.returncode == 1
    assert "neither uv nor the venv module of bare" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_oldest_libraries_are_the_lower_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = dict(re.fullmatch(r"([\w.-]+)>=(.+)", one).groups() for one in project["dependencies"])
    lines = (ROOT / "requirements/compat.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    assert pinned.pop("jaxlib") == pinned["jax"]
    assert {n: Version(v) for n, v in pinned.items()} == {n: Version(bounds[n]) for n in pinned}
    # Up to 2.2.4 signed addresses of uploads lay where every account of a machine could read them.
    assert pinned["kaggle"] == "2.2.5"


def test_the_trial_has_the_environment_of_training():
    command = graph()["stages"]["train"]["cmd"]
    setting, rest = command.split(" ", maxsplit=1)
    assert setting.startswith("GLIBC_TUNABLES=")
    assert rest.startswith("${python} -m stages.train ")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"@{setting} python -m commands.smoke " in makefile


def _one_stage(folder: Path, config: str) -> None:
    """A graph of one stage, which writes the words of the Python that it finds."""
    python = graph()["vars"][0]["python"]
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text(f"[core]\n    analytics = false\n{config}")
    (folder / "dvc.yaml").write_text(
        f"vars:\n  - python: {python}\nstages:\n  one:\n    cmd: ${{python}} -m x >out\n"
        "    outs: [out: {cache: false}]\n"
    )
    _command(folder / "elsewhere/python", 'echo "of the path: $@"')


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_dvc_finds_the_environment_that_is_not_activated(shell: str, tmp_path: Path):
    _one_stage(tmp_path, "    no_scm = true\n")
    environment = os.environ | {"PATH": f"{tmp_path}/elsewhere:{SYSTEM}", "SHELL": shell}
    command = [sys.executable, "-m", "dvc", "repro", "--quiet", "--force"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "out").read_text() == "of the path: -m x\n"
    _command(tmp_path / ".venv/bin/python", 'echo "of the project: $@"')
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "out").read_text() == "of the project: -m x\n"


def test_an_experiment_in_a_copy_finds_the_main_checkout_s(tmp_path: Path):
    _one_stage(tmp_path, "")
    _command(tmp_path / ".venv/bin/python", 'echo "of the project: $@"')
    (tmp_path / ".gitignore").write_text(".venv\nelsewhere\n")

    def git(*arguments: str) -> str:
        author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
        command = ["git", *author, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=All")
    environment = os.environ | {"PATH": f"{tmp_path}/elsewhere:{SYSTEM}"}
    command = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "--quiet"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    (experiment,) = git("for-each-ref", "--format=%(objectname)", "refs/exps/??/*/*").splitlines()
    assert git("show", f"{experiment}:out") == "of the project: -m x"
