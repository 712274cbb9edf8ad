"""The ledger: one line a submission, and its plot."""

import shutil
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.kaggle import ledger
from pipeline.kaggle.leaderboard import plot, points
from tests.contract.project import ROOT

LINE = ledger.Line("2026-11-01T10:00:00+00:00", "0123", "aa", "bb", None, 0.6, 0.61, None, 7)


def test_a_reference_is_added_once(tmp_path: Path):
    path = tmp_path / "submissions.jsonl"
    assert ledger.add(path, LINE)
    assert not ledger.add(path, LINE)
    assert ledger.read(path) == [LINE]


def test_a_broken_line_is_named(tmp_path: Path):
    path = tmp_path / "submissions.jsonl"
    path.write_text('{"time": 1}\n')
    with pytest.raises(UserError, match=r"submissions\.jsonl: line 1: "):
        ledger.read(path)


def test_only_scores_that_are_shown_are_points():
    assert [(p["configuration"], p["out_of_fold"], p["score"]) for p in points([LINE])] == [
        ("public", 0.6, 0.61)
    ]


def test_the_page_opens_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / ".dvc/plots", ".dvc/plots")
    assert plot([LINE], Path("page.html")) == 1
    text = Path("page.html").read_text()
    assert "0.61" in text
    assert "<script src=" not in text


def test_an_empty_ledger_is_told():
    with pytest.raises(UserError, match="no score to plot"):
        plot([], Path("page.html"))
