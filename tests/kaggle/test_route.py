"""From a finished graph to a score, with a bundle that is made and a kernel that is run."""

import shutil
from pathlib import Path

from commands import submit
from pipeline import paths
from pipeline.bundle import kernel
from pipeline.bundle.rehearsal import compare
from tests.kaggle.conftest import Command
from tests.kaggle.project import COMPETITION, Project
from tests.kaggle.stand_in.runner import competition_files, run_script


def test_the_kernel_predicts_what_the_graph_did(finished: Path, project: Project, command: Command):
    shutil.copytree(finished, project.folder, symlinks=True, dirs_exist_ok=True)
    project.monkeypatch.setattr(submit, "SCRIPT", Path(kernel.__file__))
    files = competition_files(Path("data/sample"))
    project.world.competitions[COMPETITION].files = files
    project.world.run_kernel = run_script
    done = command(submit.main, "--poll", "0.005")
    assert (done.status, done.error) == (0, "")
    found = paths.SUBMIT / "output" / "submission.csv"
    assert compare(found, paths.SUBMISSION) < 1e-5
    assert len(project.world.submissions) == 1

    again = command(submit.main, "--poll", "0.005")  # makes the same bundle, byte for byte
    assert "submitted already" in again.out
    assert len(project.world.submissions) == 1
