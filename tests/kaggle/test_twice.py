"""Nothing is submitted twice: not after a lost answer or a lost journal."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from commands import submit
from pipeline import paths
from pipeline.kaggle import ledger
from tests.kaggle.conftest import Command
from tests.kaggle.failures import DATASET, KERNEL, interrupts
from tests.kaggle.project import (
    COMPETITION,
    CSV,
    OTHER,
    QUICK,
    Project,
    edit,
    ledger_lines,
    write_bundle,
)
from tests.kaggle.stand_in.world import distinct

ROUTES = pytest.mark.parametrize("route", [QUICK, CSV], ids=["bundle", "csv"])
JOURNAL = Path("artifacts/submit/journal.json")


def lose_the_journal() -> None:
    shutil.rmtree(paths.SUBMIT)


@ROUTES
@pytest.mark.parametrize("lag", [1, 3])
def test_a_list_that_lags_behind_a_lost_answer(
    lag: int, route: tuple[str, ...], project: Project, command: Command
):
    """A gateway gives up while the service goes on."""
    project.world.list_lag = lag + 2
    for method in ("CreateCodeSubmission", "CreateSubmission"):
        project.world.fail(method, 504, "Gateway Timeout", done=True)
    assert command(submit.main, *route, "--lag", "0.2").status == 0
    assert len(project.world.submissions) == 1


@ROUTES
def test_what_is_refused_for_certain_is_not_looked_for(
    route: tuple[str, ...], project: Project, command: Command
):
    project.world.submissions_left = 0
    assert command(submit.main, *route).status == 1
    looked = project.world.calls("ListSubmissions")
    project.world.submissions_left = 1
    project.world.list_lag = 99
    assert command(submit.main, *route, "--lag", "0.3").status == 0
    assert project.world.calls("ListSubmissions") - looked <= 2


@ROUTES
def test_a_refusal_after_a_lost_answer_proves_nothing(
    route: tuple[str, ...], project: Project, command: Command
):
    """The last submission of the day was taken, its answer lost, and its listing late."""
    project.world.submissions_left, project.world.list_lag = 1, 99
    for method in ("CreateCodeSubmission", "CreateSubmission"):
        project.world.fail(method, 504, "Gateway Timeout", done=True)
    assert "submission limit" in command(submit.main, *route, "--lag", "0.01").error
    project.world.submissions_left = 5
    project.world.submissions[0].unlisted = 0
    assert command(submit.main, *route, "--lag", "0.2").status == 0
    assert len(project.world.submissions) == len(ledger_lines()) == 1


@ROUTES
def test_a_lost_journal_leaves_the_ledger(
    route: tuple[str, ...], project: Project, command: Command
):
    command(submit.main, *route)
    made = list(project.world.submissions)
    project.world.submissions.clear()  # too old to be listed
    sent = len(project.world.blobs)
    lose_the_journal()
    edit(project)
    done = command(submit.main, *route)
    assert done.error == (
        "error: submissions.jsonl: line 1: submission 1000 was of the same already (public score "
        "0.5801); --again submits it once more"
    )
    assert project.world.submissions == []
    assert len(project.world.blobs) == sent
    project.world.submissions = made
    assert command(submit.main, *route, "--again").status == 0
    assert len(made) == 2


@ROUTES
def test_a_lost_journal_and_no_line_leave_kaggle_s_list(
    route: tuple[str, ...], project: Project, command: Command
):
    interrupts(project, "GetSubmission", False)
    command(submit.main, *route)
    sent = len(project.world.blobs)
    lose_the_journal()
    edit(project)
    done = command(submit.main, *route)
    description = project.world.submissions[0].description
    assert done.error == (
        f"error: Kaggle has submission 1000 of the same already ({description}); --again submits "
        "it once more"
    )
    assert len(project.world.blobs) == sent
    assert command(submit.main, *route, "--again").status == 0
    assert len(project.world.submissions) == 2


@pytest.mark.parametrize("ledger_too", [False, True])
def test_other_files_with_the_same_predictions(
    ledger_too: bool, project: Project, command: Command
):
    """A comment in the code makes another wheel; what is submitted is the same."""
    command(submit.main, *QUICK)
    if ledger_too:
        Path("submissions.jsonl").unlink()
    write_bundle(project.folder / "bundle", {"wheels/effective_arguments.whl": b"a comment"})
    assert "--again submits it once more" in command(submit.main, *QUICK).error
    assert len(project.world.submissions) == 1
    versions = len(project.world.datasets[DATASET].versions)
    assert command(submit.main, *QUICK, "--again").status == 0
    assert len(project.world.submissions) == 2
    assert len(project.world.datasets[DATASET].versions) == versions  # it went on


def test_other_predictions_are_another_submission(project: Project, command: Command):
    project.world.run_kernel = distinct
    command(submit.main, *QUICK)
    lose_the_journal()
    write_bundle(project.folder / "bundle", OTHER)
    assert command(submit.main, *QUICK).status == 0
    assert len(project.world.submissions) == 2


def test_another_competition_is_another_submission(project: Project, command: Command):
    command(submit.main, *CSV)
    project.world.competitions["takes-more"] = project.world.competitions["takes-files"]
    assert command(submit.main, *CSV, "--competition", "takes-more").status == 0
    assert [line.competition for line in ledger_lines()] == ["takes-files", "takes-more"]


def test_two_bundles_in_turn(project: Project, command: Command):
    """A kernel mounts the newest version, so that the first bundle has to be sent again."""
    project.world.run_kernel = distinct
    interrupts(project, "SaveKernel", False)
    command(submit.main, *QUICK)
    write_bundle(project.folder / "bundle", OTHER)
    assert command(submit.main, *QUICK).status == 0
    write_bundle(project.folder / "bundle")
    assert command(submit.main, *QUICK).status == 0
    assert len(project.world.datasets[DATASET].versions) == 3
    assert [one.kernel for one in project.world.submissions] == [f"{KERNEL}/1", f"{KERNEL}/2"]
    assert len({line.submission for line in ledger_lines()}) == 2


@ROUTES
@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}', '{"key": {"pushed": 2}}'])
def test_a_broken_journal_is_one_line(
    content: str, route: tuple[str, ...], project: Project, command: Command
):
    command(submit.main, *route)
    JOURNAL.write_text(content)
    done = command(submit.main, *route)
    assert done.error.startswith("error: artifacts/submit/journal.json: ")
    assert done.error.endswith(
        "; remove it and run the same command again: what was under way starts over, and what "
        "was submitted is looked for in submissions.jsonl and on Kaggle first"
    )
    assert JOURNAL.read_text() == content
    assert len(project.world.submissions) == 1
    JOURNAL.unlink()
    assert "--again" in command(submit.main, *route).error
    assert len(project.world.submissions) == 1


def test_the_journal_is_on_the_disk_before_anything_is_sent(
    project: Project, command: Command
) -> None:
    """Its bytes and its name are flushed before the submission leaves."""
    import os
    import stat

    from kagglesdk.kaggle_http_client import KaggleHttpClient

    flushed: list[str] = []
    fsync, call = os.fsync, KaggleHttpClient.call

    def note(handle: int) -> None:
        flushed.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def send(self: KaggleHttpClient, service: str, name: str, *rest: Any) -> Any:
        if name == "CreateSubmission":
            assert flushed[-2:] == ["file", "folder"]
            entry = next(iter(json.loads(JOURNAL.read_text()).values()))
            assert "submitting" in entry
        return call(self, service, name, *rest)

    project.monkeypatch.setattr(os, "fsync", note)
    project.monkeypatch.setattr(KaggleHttpClient, "call", send)
    assert command(submit.main, *CSV).status == 0


def test_a_line_of_before_is_known_by_its_parameters(tmp_path: Path):
    """Lines that were written before they held what was sent."""
    old = ledger.Line("2026", None, "aa", "bb", None, 0.6, 0.61, None, 7)
    of = {"competition": COMPETITION, "sent": "cc", "parameters": "bb"}
    assert ledger.is_same(old, **of)
    assert not ledger.is_same(old, **of | {"parameters": "dd"})
    assert ledger.is_same(old, **of | {"parameters": "dd", "submission": "aa"})
    assert not ledger.is_same(old, **of | {"submission": "ee"})


@ROUTES
def test_a_broken_ledger_is_told_before_anything_is_sent(
    route: tuple[str, ...], project: Project, command: Command
):
    Path("submissions.jsonl").write_text('{"time": 1}\n')
    assert command(submit.main, *route).error.startswith("error: submissions.jsonl: line 1: ")
    assert project.world.blobs == {}
