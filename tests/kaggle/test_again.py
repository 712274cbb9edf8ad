"""An interrupted submission goes on: one of `--again` too, and after a commit."""

import json
from pathlib import Path

import pytest

from commands import submit
from pipeline.kaggle import ledger
from tests.kaggle.conftest import Command
from tests.kaggle.failures import DATASET, interrupts
from tests.kaggle.project import (
    CSV,
    QUICK,
    Project,
    edit,
    ledger_lines,
)

ROUTES = pytest.mark.parametrize("route", [QUICK, CSV], ids=["bundle", "csv"])
MOMENTS = [
    (QUICK, "CreateDatasetVersion", False),
    (QUICK, "SaveKernel", True),
    (QUICK, "GetKernelSessionStatus", False),
    (QUICK, "CreateCodeSubmission", False),
    (QUICK, "CreateCodeSubmission", True),
    (QUICK, "GetSubmission", True),
    (CSV, "StartSubmissionUpload", False),
    (CSV, "CreateSubmission", True),
    (CSV, "GetSubmission", False),
]


@pytest.mark.parametrize(("route", "method", "answered"), MOMENTS)
def test_once_more_interrupted_and_repeated_is_one_more(
    route: tuple[str, ...], method: str, answered: bool, project: Project, command: Command
):
    assert command(submit.main, *route).status == 0
    interrupts(project, method, answered)
    assert command(submit.main, *route, "--again").status == 75
    assert command(submit.main, *route, "--again").status == 0
    assert len(project.world.submissions) == 2
    assert len(ledger_lines()) == 2


@ROUTES
def test_once_more_goes_on_without_the_option_too(
    route: tuple[str, ...], project: Project, command: Command
):
    command(submit.main, *route)
    interrupts(project, "GetSubmission", False)
    command(submit.main, *route, "--again")
    assert command(submit.main, *route).status == 0
    assert len(ledger_lines()) == 2
    assert len(project.world.submissions) == 2


@ROUTES
def test_a_stop_between_the_score_and_the_ledger(
    route: tuple[str, ...], project: Project, command: Command
):
    command(submit.main, *route)
    add, left = ledger.add, [1]

    def stop(path: Path, line: ledger.Line) -> bool:
        if left:
            left.pop()
            raise KeyboardInterrupt
        return add(path, line)

    project.monkeypatch.setattr(ledger, "add", stop)
    assert command(submit.main, *route, "--again").status == 75
    assert command(submit.main, *route, "--again").status == 0
    assert len(project.world.submissions) == len(ledger_lines()) == 2


@ROUTES
def test_once_more_waits_for_the_score_of_the_one_under_way(
    route: tuple[str, ...], project: Project, command: Command
):
    interrupts(project, "GetSubmission", False)
    command(submit.main, *route)
    done = command(submit.main, *route, "--again")
    assert "the submission under way goes on" in done.out
    assert len(project.world.submissions) == len(ledger_lines()) == 1
    assert command(submit.main, *route, "--again").status == 0
    assert len(project.world.submissions) == len(ledger_lines()) == 2


@ROUTES
def test_a_submission_that_failed_makes_room_for_one_more(
    route: tuple[str, ...], project: Project, command: Command
):
    project.world.submission_error = "Submission Scoring Error"
    assert command(submit.main, *route).status == 1
    assert command(submit.main, *route).status == 1
    assert len(project.world.submissions) == 1
    project.world.submission_error = ""
    interrupts(project, "GetSubmission", False)
    assert command(submit.main, *route, "--again").status == 75
    assert command(submit.main, *route, "--again").status == 0
    assert len(project.world.submissions) == 2


@pytest.mark.parametrize(
    "method",
    ["CreateDataset", "GetDatasetStatus", "SaveKernel", "CreateCodeSubmission", "GetSubmission"],
)
def test_a_commit_between_two_runs_is_the_same_submission(
    method: str, project: Project, command: Command
):
    interrupts(project, method, method != "CreateDataset")
    assert command(submit.main, *QUICK).status == 75
    edit(project)
    assert command(submit.main, *QUICK).status == 0
    world = project.world
    assert len(world.submissions) == len(world.datasets[DATASET].versions) == 1
    assert world.calls("StartBlobUpload") == 4  # every file once
    uploaded = json.loads(world.datasets[DATASET].versions[0]["manifest.json"])["commit"]
    assert (uploaded, ledger_lines()[0].commit) == ("0123456789abcdef0123456789abcdef01234567",) * 2
    assert "commit 0123456789ab" in world.submissions[0].description


def test_a_commit_after_the_score_is_the_same_submission(project: Project, command: Command):
    command(submit.main, *QUICK)
    edit(project)
    assert "submitted already" in command(submit.main, *QUICK).out
    assert len(project.world.submissions) == 1
    assert command(submit.main, *QUICK, "--again").status == 0
    assert [line.commit for line in ledger_lines()][1] == "f" * 40
