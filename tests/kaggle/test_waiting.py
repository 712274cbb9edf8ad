"""What Kaggle does in its own time is waited for; a silent service is given up in time."""

import pytest

from commands import submit
from pipeline.kaggle.client import connect
from pipeline.kaggle.refusals import UnavailableError
from tests.kaggle.conftest import Command
from tests.kaggle.failures import DATASET, sets
from tests.kaggle.project import CSV, OTHER, QUICK, Project, write_bundle

SHORT = ("--timeout", "0.5")


@pytest.mark.parametrize(
    "method",
    ["GetDatasetStatus", "StartBlobUpload", "SaveKernel", "GetSubmission"],
)
def test_a_silent_service_is_asked_again(method: str, project: Project, command: Command):
    project.world.fail(method, 0, silent=True)
    done = command(submit.main, *QUICK, *SHORT)
    assert (done.status, done.error) == (0, "")
    assert len(project.world.submissions) == 1


@pytest.mark.parametrize("route", [QUICK, CSV], ids=["bundle", "csv"])
def test_silence_after_a_submission_is_no_second_one(
    route: tuple[str, ...], project: Project, command: Command
):
    for method in ("CreateCodeSubmission", "CreateSubmission"):
        project.world.fail(method, 0, silent=True, done=True)
    assert command(submit.main, *route, *SHORT).status == 0
    assert len(project.world.submissions) == 1


def test_a_silent_storage_is_asked_where_the_upload_stands(project: Project, command: Command):
    project.world.fail("PUT", 0, silent=True)
    assert command(submit.main, *QUICK, *SHORT).status == 0
    assert project.world.calls("StartBlobUpload") == 4
    puts = [path for method, path in project.world.log if method == "PUT"]
    assert sum(path.endswith(" half") for path in puts) == 1
    assert len(puts) - 1 == 4 + 2  # every file, the question how much is there, and the rest


def test_a_slow_upload_is_none_that_is_silent(project: Project, command: Command):
    """The limit is one of each piece, not of the whole."""
    write_bundle(project.folder / "bundle", {"models/tiny/config.json": bytes(24 << 20)})
    project.world.pace = 1 << 20  # 1.2 s for the whole
    assert command(submit.main, *QUICK, "--timeout", "1").status == 0
    assert len(project.world.submissions) == 1


def test_a_client_that_is_asked_directly_gives_up(project: Project):
    """`make data` and `make submit` sign in by the same function."""
    project.world.fail("IntrospectToken", 0, times=99, silent=True)
    with pytest.raises(UnavailableError, match="no answer from Kaggle in time"):
        connect(pause=0.001, timeout=0.05)


def test_sessions_that_are_taken_are_waited_for(project: Project, command: Command):
    project.world.sessions_taken = 3
    done = command(submit.main, *QUICK)
    assert done.status == 0
    assert "Maximum batch GPU session count of 2 reached" in done.out
    assert project.world.calls("SaveKernel") == 4
    assert project.world.calls("CreateDataset") == 1


@pytest.mark.parametrize("status", [400, 403, 409])
def test_taken_sessions_may_be_a_status_too(status: int, project: Project, command: Command):
    text = "Maximum batch CPU session count of 5 reached."
    project.world.fail("SaveKernel", status, text, times=2)
    assert command(submit.main, *QUICK).status == 0


def test_a_version_waits_for_the_first_to_be_processed(project: Project, command: Command):
    sets(never_done={"dataset"})(project)
    assert command(submit.main, *QUICK, "--hours", "1e-6").status == 1
    sets(never_done=set())(project)
    project.world.looks_until_done = 5
    project.world.datasets[DATASET].looks = 0
    write_bundle(project.folder / "bundle", OTHER)
    done = command(submit.main, *QUICK)
    assert (done.status, done.error) == (0, "")
    assert "waiting for an earlier version (blobs received)" in done.out
    assert len(project.world.datasets[DATASET].versions) == 2
