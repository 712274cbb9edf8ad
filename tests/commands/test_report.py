"""`make report`: git's commit in a copy of the page, which itself stays as the graph made it."""

import subprocess
from pathlib import Path

import pytest

from commands import report
from pipeline.errors import UserError
from pipeline.report.page import COMMIT, PAGE


@pytest.fixture(autouse=True)
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    PAGE.parent.mkdir()
    text = f"<dd>{COMMIT}</dd>"
    PAGE.write_text(text)
    return text


def git(*arguments: str) -> None:
    author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    subprocess.run(["git", *author, *arguments], check=True, capture_output=True)


def test_the_commit_and_whether_it_was_edited(page: str, capsys: pytest.CaptureFixture[str]):
    git("init", "--quiet")
    Path("a").write_text("a")
    git("add", "a")
    git("commit", "--quiet", "--message=All")
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    report.main([])
    assert report.COPY.read_text() == f"<dd>{commit}</dd>"
    assert capsys.readouterr().out == f"dvc_plots/report.html: {commit}\n"
    Path("a").write_text("b")
    report.main([])
    assert report.COPY.read_text() == f"<dd>{commit}, with edits</dd>"
    assert PAGE.read_text() == page


def test_without_git(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GIT_DIR", "nowhere")
    report.main([])
    assert report.COPY.read_text() == "<dd>without git</dd>"


def test_a_page_without_a_place_for_it():
    PAGE.write_text("another")
    with pytest.raises(UserError, match=r"report/index\.html: found no place for the commit"):
        report.main([])
