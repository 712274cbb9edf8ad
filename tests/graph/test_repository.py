"""DVC's project is opened in one place, which tells each of its errors in one line."""

import re
from pathlib import Path

import pytest
from dvc.cli import main as dvc
from dvc.exceptions import DvcException
from dvc.repo import Repo

from commands import accept, mend
from pipeline.errors import UserError
from pipeline.graph.repository import opened
from tests.contract.project import ROOT, python_files

ELSEWHERE = [
    path
    for path in python_files("pipeline", "stages", "commands")
    if path != Path("pipeline/graph/repository.py")
]


@pytest.mark.parametrize("path", ELSEWHERE, ids=str)
def test_no_other_module_opens_it(path: Path):
    assert not re.search(r"\bRepo\(", (ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dvc.lock.DEFAULT_TIMEOUT", 0)
    Repo.init(no_scm=True).close()


@pytest.mark.usefixtures("project")
def test_a_held_lock():
    with Repo() as repo, repo.lock, pytest.raises(UserError) as caught:
        mend.main()
    assert str(caught.value) == "dvc.lock: another dvc is at work; wait for it"


@pytest.mark.usefixtures("project")
def test_a_broken_file_of_dvc_s():
    Path(".dvc/config").write_text("[core\n")
    with pytest.raises(UserError, match=r"^dvc: .*config") as caught:
        mend.main()
    assert str(caught.value).isprintable()


@pytest.mark.usefixtures("project")
def test_colours_are_left_out():
    with pytest.raises(UserError) as caught, opened():
        raise DvcException("\x1b[31mfailed\x1b[0m\n  to parse \x1b[1;34mstages\x1b[39m")
    assert str(caught.value) == "dvc: failed to parse stages"


def test_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^dvc: .*not inside of a DVC repository") as caught:
        accept.main(["train"])
    assert str(caught.value).isprintable()


@pytest.mark.usefixtures("project")
def test_a_file_that_dvc_tracks_is_no_stage_to_accept():
    Path("raw").write_text("theirs")
    assert dvc(["add", "--quiet", "raw"]) == 0
    Path("dvc.yaml").write_text("stages:\n  one:\n    cmd: echo\n    deps: [raw]\n")
    with pytest.raises(UserError) as caught:
        accept.main(["two"])
    assert str(caught.value) == "no stage 'two': expected one of one"
