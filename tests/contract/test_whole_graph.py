"""The whole graph on a few essays, with two simulated devices, by real `dvc` commands."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.files import sha256
from tests.configurations import SMALL, text
from tests.contract.project import ROOT, few_essays, without_git

pytestmark = pytest.mark.slow

AFTER_TRAINING = {"predict@small", "evaluate@small", "ensemble"}
TRAINING = {"train@small-0", "train@small-1"}


class Project:
    """A folder in which the graph runs as a user runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, module: str, *arguments: str) -> str:
        """Run a module as a command; return what it printed."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env=os.environ | {"PATH": path, "JAX_PLATFORMS": "", "SHELL": "/bin/sh"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def repro(self, *arguments: str) -> set[str]:
        """Bring the graph up to date; return the stages that ran."""
        return set(re.findall(r"Running stage '([^']+)'", self.run("dvc", "repro", *arguments)))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file."""
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        (self.folder / name).write_text(text.replace(old, new), encoding="utf-8")

    def copy(self, target: Path) -> "Project":
        """The same project, outputs and cache and all, to be changed freely."""
        shutil.copytree(self.folder, target, symlinks=True)
        return Project(target)

    def rows(self, name: str) -> list[dict[str, str]]:
        """A CSV file's rows."""
        with (self.folder / name).open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("graph") / "project"
    without_git(folder, text(SMALL))
    few_essays(ROOT / "data/sample", folder / "data/sample", train=32, test=6)
    made = Project(folder)
    ran = made.repro()
    assert ran == TRAINING | AFTER_TRAINING | {
        *("validate", "split", "backbone@small", "tokenize@small", "baseline")
    }
    return made


def test_the_submission_is_valid(project: Project):
    order = [row["discourse_id"] for row in project.rows("data/sample/sample_submission.csv")]
    rows = project.rows("submission.csv")
    assert [row.pop("discourse_id") for row in rows] == order
    for row in rows:
        assert list(row) == ["Ineffective", "Adequate", "Effective"]
        assert sum(map(float, row.values())) == pytest.approx(1.0, abs=1e-6)


def test_with_nothing_to_do_nothing_runs(project: Project):
    assert project.repro() == set()


def test_two_devices_trained_it(project: Project):
    timing = json.loads((project.folder / "artifacts/timing/small/fold0.json").read_text())
    assert timing["devices"] == 2


def test_a_lost_fold_comes_back_from_the_cache(project: Project):
    weights = project.folder / "artifacts/weights/small/fold0"
    before = sha256(weights / "model.safetensors")
    shutil.rmtree(weights)
    (project.folder / "artifacts/folds/small/fold0/oof.parquet").unlink()
    assert project.repro() == set()
    assert sha256(weights / "model.safetensors") == before


def test_the_same_fold_trained_again_has_the_same_bits(project: Project, tmp_path: Path):
    again = project.copy(tmp_path / "again")
    name = "artifacts/weights/small/fold1/model.safetensors"
    before = sha256(again.folder / name), sha256(again.folder / "submission.csv")
    assert again.repro("--force", "--single-item", "train@small-1") == {"train@small-1"}
    assert again.repro() == set()
    assert (sha256(again.folder / name), sha256(again.folder / "submission.csv")) == before


def test_a_learning_rate_reruns_its_folds_and_what_depends_on_them(
    project: Project, tmp_path: Path
):
    changed = project.copy(tmp_path / "changed")
    before = sha256(changed.folder / "submission.csv")
    changed.edit("params.yaml", "backbone_rate: 0.001", "backbone_rate: 0.003")
    assert changed.repro() == TRAINING | AFTER_TRAINING
    assert sha256(changed.folder / "submission.csv") != before
    changed.edit("params.yaml", "backbone_rate: 0.003", "backbone_rate: 0.001")
    assert changed.repro() == set(), "putting it back restores what was there"
    assert sha256(changed.folder / "submission.csv") == before


def test_a_comment_in_an_encoder_is_accepted_without_training(project: Project, tmp_path: Path):
    commented = project.copy(tmp_path / "commented")
    golden = commented.folder / "tests/test_golden.py"
    golden.parent.mkdir()
    golden.write_text("import pytest\n@pytest.mark.golden\ndef test_it(): pass\n")
    encoder = commented.folder / "pipeline/encoders/bert.py"
    encoder.write_text(encoder.read_text() + "# A remark.\n")
    commented.run("commands.accept", "train")
    assert commented.repro() <= AFTER_TRAINING


def test_a_hostile_name_in_a_finished_graph_runs_nothing(project: Project, tmp_path: Path):
    """What is up to date is not validated again: the new model's own stages are the first."""
    hostile = project.copy(tmp_path / "hostile")
    hostile.edit("params.yaml", "  small:", "  small: &small")
    hostile.edit("params.yaml", "members: {}", '  "$(touch ran)": *small\nmembers: {}')
    with pytest.raises(
        AssertionError, match=r"error: params.yaml: models\.\$\(touch ran\): string"
    ):
        hostile.repro()
    assert not list(hostile.folder.rglob("ran"))


def test_what_another_configuration_left_is_pruned(project: Project, tmp_path: Path):
    fewer = project.copy(tmp_path / "fewer")
    fewer.edit("params.yaml", "folds: [0, 1]", "folds: [0]")
    (fewer.folder / "artifacts/bundle").mkdir()
    said = fewer.run("commands.prune")
    assert "removed artifacts/weights/small/fold1" in said
    assert "removed the lock entry of train@small-1" in said
    assert not (fewer.folder / "artifacts/folds/small/fold1").exists()
    assert (fewer.folder / "artifacts/folds/small/fold0").exists()
    assert (fewer.folder / "artifacts/bundle").exists(), "a command's, not a stage's"
    assert "nothing to prune" in fewer.run("commands.prune")


def test_plots_open_without_a_network(project: Project):
    project.run("dvc", "plots", "show")
    page = (project.folder / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert page.count("vegaEmbed('#") == 3
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)\s*=\s*[\"']?(?:https?:)?//", page)
