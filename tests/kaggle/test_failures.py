"""Each failure ends with one line that says what to do, and leaves nothing half done."""

import re
from pathlib import Path

import pytest

from commands import data, submit
from pipeline import paths
from tests.kaggle import page
from tests.kaggle.cases_data import DATA, ZIP
from tests.kaggle.cases_submit import SUBMIT
from tests.kaggle.conftest import Command
from tests.kaggle.failures import Case
from tests.kaggle.project import QUICK, Project


def name(case: Case) -> str:
    return re.sub(r"\W+", "-", case.what)


@pytest.mark.parametrize("case", DATA, ids=name)
def test_data(case: Case, project: Project, command: Command):
    case.arrange(project)
    done = command(data.main, "--pause", "0.001", *case.options)
    assert done.err.splitlines() == [f"error: {case.line}"]
    assert done.status == 1
    assert not paths.RAW.exists()
    assert list(Path("data").glob(".raw*")) == []


@pytest.mark.parametrize("case", ZIP, ids=name)
def test_zip(case: Case, project: Project, command: Command):
    test_data(case, project, command)


@pytest.mark.parametrize("case", SUBMIT, ids=name)
def test_submit(case: Case, project: Project, command: Command):
    case.arrange(project)
    made, ledger = len(project.world.submissions), ledger_text()
    done = command(submit.main, *QUICK, *case.options)
    assert done.err.splitlines() == [f"error: {case.line}"]
    assert done.status == 1
    scoring = case.what.startswith("submission that")
    assert len(project.world.submissions) - made == scoring
    assert ledger_text() == ledger


def ledger_text() -> str:
    return paths.LEDGER.read_text() if paths.LEDGER.exists() else ""


def test_the_page_has_every_line():
    """`python -m tests.kaggle.page` writes them there."""
    text = page.PATH.read_text(encoding="utf-8")
    assert page.with_tables(text) == text
