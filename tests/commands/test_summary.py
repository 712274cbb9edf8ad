"""What a run's last lines say of git."""

import json
import subprocess
from pathlib import Path

import pytest

from commands import summary
from pipeline import paths

FIGURES = {"log_loss": 0.7, "best_member": 0.8, "priors": 0.9, "partial": False}


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A graph that is done, as far as its summary reads it."""
    monkeypatch.chdir(tmp_path)
    paths.SUBMISSION.write_text("discourse_id\n")
    Path("dvc.lock").write_text("schema: '2.0'\n")
    for path in (paths.metrics("ensemble"), paths.plots("small") / "learning.csv"):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(FIGURES))
    return tmp_path


def _git(*arguments: str) -> None:
    author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    subprocess.run(["git", *author, *arguments], check=True, capture_output=True)


def _said(capsys: pytest.CaptureFixture[str]) -> str:
    summary.main()
    return capsys.readouterr().out


def test_without_git_nothing_is_said_of_it(finished: Path, capsys: pytest.CaptureFixture[str]):
    said = _said(capsys)
    assert said.endswith("class priors: 0.9000\n")
    assert "differ from" not in said


def test_what_git_shows_as_changed_is_named(finished: Path, capsys: pytest.CaptureFixture[str]):
    _git("init", "--quiet")
    assert summary.changed_in_git() == ["dvc.lock", "metrics", "plots"], "a first run's"
    _git("add", ".")
    _git("commit", "--quiet", "--message=All")
    assert "differ from" not in _said(capsys)
    (paths.plots("small") / "learning.csv").unlink()
    said = _said(capsys)
    assert "git add --all plots && git commit" in said
    assert "git checkout" not in said
    Path("dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    said = _said(capsys)
    assert "differ from what git has: dvc.lock, plots." in said
    assert "`git checkout dvc.lock` would make these outputs stale" in said


def test_other_edits_are_left_to_their_author(finished: Path):
    _git("init", "--quiet")
    _git("add", ".")
    _git("commit", "--quiet", "--message=All")
    Path("params.yaml").write_text("# An edit.\n")
    Path("README.md").write_text("# An edit.\n")
    assert summary.changed_in_git() == []


def test_the_parameters_go_with_what_they_made(finished: Path):
    _git("init", "--quiet")
    _git("add", ".")
    _git("commit", "--quiet", "--message=All")
    Path("params.yaml").write_text("# An edit.\n")
    Path("dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    assert summary.changed_in_git() == ["params.yaml", "dvc.lock"]


def test_below_git_s_root(finished: Path, monkeypatch: pytest.MonkeyPatch):
    _git("init", "--quiet")
    inner = finished / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    Path("dvc.lock").write_text("schema: '2.0'\n")
    _git("add", "dvc.lock")
    assert summary.changed_in_git() == ["dvc.lock"]
