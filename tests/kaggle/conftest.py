"""Kaggle's real client against the stand-in: no request leaves the machine, and that is checked."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import commands.submit
from pipeline.errors import exit_with_message
from tests.kaggle.project import Project, make_world, write_results
from tests.kaggle.stand_in.server import environment, serve

os.environ["KAGGLE_API_ENVIRONMENT"] = "LOCALHOST"  # read when the client is first imported

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_hosts: set[str] = set()


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    """Note every host that this process looks up or connects to."""
    if event == "socket.getaddrinfo":
        _hosts.add(str(arguments[0]))
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        _hosts.add(str(arguments[1][0]))


sys.addaudithook(_listen)


class Outcome(NamedTuple):
    """How a command ended, and all that it printed."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error."""
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


Command = Callable[..., Outcome]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project folder to run in, with the stand-in as Kaggle and credentials for it."""
    folder, home = tmp_path / "project", tmp_path / "home"
    folder.mkdir()
    (home / ".kaggle").mkdir(parents=True)
    monkeypatch.chdir(folder)
    world = make_world(tmp_path / "kaggle")
    with serve(world) as address:
        for name in [name for name in os.environ if name.startswith("KAGGLE_")]:
            monkeypatch.delenv(name)
        for name, value in environment(address, home).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("KAGGLE_API_TOKEN", world.token)
        monkeypatch.setattr(tempfile, "tempdir", None)  # TMPDIR is read again
        write_results(folder)
        monkeypatch.setattr(commands.submit, "SCRIPT", folder / "kernel.py")
        _hosts.clear()
        yield Project(folder, world, address, monkeypatch, home)
    assert world.mistakes == []
    assert _hosts <= LOOPBACK
    assert [path for _, path in world.log if not path.startswith("/")] == []


@pytest.fixture
def command(project: Project, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run a stage's main as its command does; no secret may be printed, whatever happens."""

    def run(main: Callable[[list[str]], None], *arguments: str) -> Outcome:
        status = 0
        try:
            exit_with_message(lambda: main(list(arguments)))
        except SystemExit as end:
            status = int(end.code or 0)
        outcome = Outcome(status, *capfd.readouterr())
        printed = outcome.out + outcome.err
        kept = "".join(
            path.read_text(errors="replace")
            for path in project.folder.rglob("*")
            if path.suffix in (".json", ".jsonl", ".log")
        )
        for secret in (project.world.token, project.world.key, "secret-"):
            assert secret not in printed
            assert secret not in kept
        return outcome

    return run
