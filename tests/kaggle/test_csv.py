"""`--csv`: a competition that takes files."""

import hashlib
import json
from pathlib import Path

import pytest

from commands import submit
from pipeline.kaggle import ledger
from tests.configurations import DEFAULT, SMALL, write
from tests.kaggle.conftest import Command
from tests.kaggle.project import CSV, Project, write_lock


def test_the_file_is_sent_and_scored(project: Project, command: Command):
    done = command(submit.main, *CSV)
    assert (done.status, done.err) == (0, "")
    (made,) = project.world.submissions
    (blob,) = project.world.blobs.values()
    assert bytes(blob.data) == Path("submission.csv").read_bytes()
    assert made.description.startswith(
        "own configuration, out of fold 0.6712, commit unknown, sha256 "
    )
    assert "public score 0.5801, private score 0.5766" in done.out
    (line,) = ledger.read(Path("submissions.jsonl"))
    assert line.submission == hashlib.sha256(blob.data).hexdigest()
    assert line.parameters == hashlib.sha256(Path("params.yaml").read_bytes()).hexdigest()


def test_a_recipe_is_named(project: Project, command: Command):
    Path("recipes").mkdir()
    write(DEFAULT, Path("recipes/default.yaml"))
    write(SMALL, Path("recipes/small.yaml"))
    command(submit.main, *CSV)
    assert ledger.read(Path("submissions.jsonl"))[0].recipe == "small"


@pytest.mark.parametrize("status", [0, 500])
def test_an_answer_that_gets_lost_is_not_submitted_twice(
    status: int, project: Project, command: Command
):
    project.world.fail("CreateSubmission", status, done=True)
    assert command(submit.main, *CSV).status == 0
    assert len(project.world.submissions) == 1


def test_the_same_file_once_more_only_on_demand(project: Project, command: Command):
    command(submit.main, *CSV)
    assert "submitted already" in command(submit.main, *CSV).out
    assert len(project.world.submissions) == 1
    command(submit.main, *CSV, "--again")
    assert len({one.description for one in project.world.submissions}) == 2


def test_a_lost_answer_to_once_more_is_not_taken_for_the_first(project: Project, command: Command):
    command(submit.main, *CSV)
    project.monkeypatch.setattr(ledger, "now", lambda: "2031-01-01T00:00:00.000+00:00")
    project.world.fail("CreateSubmission", 500)
    command(submit.main, *CSV, "--again")
    assert len(project.world.submissions) == 2


def test_a_file_of_other_ids_is_not_sent(project: Project, command: Command):
    text = Path("submission.csv").read_text()
    Path("submission.csv").write_text(text.replace("u1", "u9"))
    write_lock()
    done = command(submit.main, *CSV)
    assert done.error == (
        "error: submission.csv: discourse_id: expected sample_submission.csv's ids in its order"
    )
    assert project.world.log == []


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
@pytest.mark.parametrize("path", ["submission.csv", "metrics/ensemble.json"])
def test_what_the_graph_did_not_write_is_not_sent(
    path: str, dry: tuple[str, ...], project: Project, command: Command
):
    text = Path(path).read_text()
    before = hashlib.md5(text.encode()).hexdigest()
    edited = text.replace("0.2,0.5,0.3", "0.3,0.4,0.3").replace("0.6712", "0.5")
    Path(path).write_text(edited)
    done = command(submit.main, *CSV, *dry)
    assert done.err.splitlines() == [
        f"error: {path}: expected md5 {before} as dvc.lock has it, found "
        f"{hashlib.md5(edited.encode()).hexdigest()}; run make mend, then make submission"
    ]
    assert done.status == 1
    assert project.world.log == []


def test_a_file_of_other_parameters_is_not_sent(project: Project, command: Command):
    lock = json.loads(Path("dvc.lock").read_text())
    lock["stages"]["ensemble"]["params"] = {"params.yaml": {"folds": [0]}}
    Path("dvc.lock").write_text(json.dumps(lock))
    done = command(submit.main, *CSV)
    assert done.error == (
        "error: params.yaml: folds: ensemble ran with another value, as dvc.lock has it; run dvc "
        "repro"
    )
    assert project.world.log == []
