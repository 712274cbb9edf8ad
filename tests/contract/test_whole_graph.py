"""The whole graph on a few essays, with two simulated devices, by real `dvc` commands."""

import csv
import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.files import sha256
from tests.configurations import SMALL, text
from tests.contract.project import ROOT, few_essays, run_module, without_git

pytestmark = pytest.mark.slow

AFTER_TRAINING = {"predict@small", "evaluate@small", "ensemble", "report"}
TRAINING = {"train@small-0", "train@small-1"}


class Project:
    """A folder in which the graph runs as a user runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, module: str, *arguments: str) -> str:
        """Run a module as a command; return what it printed."""
        return run_module(self.folder, module, *arguments)

    def repro(self, *arguments: str) -> set[str]:
        """Bring the graph up to date; return the stages that ran."""
        return set(re.findall(r"Running stage '([^']+)'", self.run("dvc", "repro", *arguments)))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file."""
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        (self.folder / name).write_text(text.replace(old, new), encoding="utf-8")

    def comment(self) -> None:
        """Add a remark to every file of code."""
        for folder in ("pipeline", "stages"):
            for path in (self.folder / folder).rglob("*.py"):
                path.write_text(f"# A remark.\n{path.read_text(encoding='utf-8')}# Another.\n")

    def git(self, *arguments: str) -> str:
        """Run git; return what it printed."""
        author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
        command = ["git", *author, *arguments]
        return subprocess.run(
            command, cwd=self.folder, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def commit(self) -> "Project":
        """Commit everything, from now on under git."""
        (self.folder / ".dvc/config.local").unlink(missing_ok=True)
        shutil.copy(ROOT / ".gitignore", self.folder)
        self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=All")
        return self

    def clone(self, target: Path) -> "Project":
        """A clean clone with this environment: neither outputs nor a cache."""
        self.git("clone", "--quiet", "--no-hardlinks", ".", str(target))
        (target / ".venv").symlink_to(sys.prefix)
        return Project(target)

    def changed(self) -> set[str]:
        """Files that differ from the last commit, but for code."""
        found = self.git("diff", "--name-only", "HEAD").splitlines()
        return {name for name in found if not name.endswith(".py")}

    def gate(self) -> str:
        """What the gate's first step says where it fails, nothing where it passes."""
        script = (ROOT / ".ci/run").read_text(encoding="utf-8")
        functions = re.search(r"^dvc\(\) .*?(?=^sample_is_learnt)", script, re.S | re.M)
        assert functions
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n{functions[0]}\nlock_is_of_this_code"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode else ""

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
        *("code", "validate", "split", "backbone@small", "tokenize@small", "baseline")
    }
    return made


def test_the_submission_is_valid(project: Project):
    order = [row["discourse_id"] for row in project.rows("data/sample/sample_submission.csv")]
    rows = project.rows("submission.csv")
    assert [row.pop("discourse_id") for row in rows] == order
    for row in rows:
        assert list(row) == ["Ineffective", "Adequate", "Effective"]
        assert sum(map(float, row.values())) == pytest.approx(1.0, abs=1e-6)


def test_the_submission_can_be_written_and_is_no_link(project: Project):
    found = (project.folder / "submission.csv").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_nlink) == (0o644, 1)


def test_an_edited_submission_is_written_again(project: Project, tmp_path: Path):
    edited = project.copy(tmp_path / "edited")
    before = sha256(edited.folder / "submission.csv")
    (edited.folder / "submission.csv").write_text("by hand\n")
    assert edited.repro() == {"ensemble"}
    assert sha256(edited.folder / "submission.csv") == before


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
    assert changed.repro() == {"code"} | TRAINING | AFTER_TRAINING
    assert sha256(changed.folder / "submission.csv") != before
    changed.edit("params.yaml", "backbone_rate: 0.003", "backbone_rate: 0.001")
    assert changed.repro() == {"ensemble"}, "putting it back restores what is dear"
    assert sha256(changed.folder / "submission.csv") == before


def test_folds_trained_elsewhere_end_in_a_submission_here(project: Project, tmp_path: Path):
    """As another machine's folds arrive: weights that say so, and a lock that knows them."""
    here = project.copy(tmp_path / "here")
    before = sha256(here.folder / "submission.csv")
    compute = "compute: {platform: %s, devices: %d, dtype: %s}"
    here.edit("params.yaml", compute % ("cpu", 2, "float32"), compute % ("tpu", 8, "bfloat16"))
    for fold in (0, 1):
        note = here.folder / f"artifacts/weights/small/fold{fold}/pipeline.json"
        said = json.loads(note.read_text()) | {"platform": "tpu", "dtype": "bfloat16"}
        note.unlink()  # it may be linked to DVC's cache
        note.write_text(json.dumps(said))
    here.run("dvc", "commit", "--force", *TRAINING)
    for name in ("artifacts/test/small.parquet", "submission.csv"):
        (here.folder / name).unlink()
    said = here.run("dvc", "repro")
    assert set(re.findall(r"Running stage '([^']+)'", said)) == {
        "code",
        "predict@small",
        "ensemble",
        "report",
    }
    assert re.search(
        r"predict@small: \d+ elements by every fold on \d+ cpu device\(s\) in float32, "
        r"trained on tpu in bfloat16; artifacts/test/small.parquet", said
    )  # fmt: skip
    assert sha256(here.folder / "submission.csv") == before


def test_a_comment_in_every_file_runs_code_alone(project: Project, tmp_path: Path):
    commented = project.copy(tmp_path / "commented")
    commented.comment()
    assert commented.repro() == {"code"}
    assert commented.repro() == set()


def test_an_edit_reruns_what_can_reach_it(project: Project, tmp_path: Path):
    edited = project.copy(tmp_path / "edited")
    edited.edit("pipeline/evaluation/pools.py", "1e-", "2e-")
    assert edited.repro() == {"code", "ensemble", "report"}


def test_another_name_in_a_network_is_accepted_without_training(project: Project, tmp_path: Path):
    renamed = project.copy(tmp_path / "renamed")
    golden = renamed.folder / "tests/test_golden.py"
    golden.parent.mkdir()
    golden.write_text("import pytest\n@pytest.mark.golden\ndef test_it(): pass\n")
    renamed.edit("pipeline/encoders/bert.py", "def tensors(", "def names(")
    renamed.edit("pipeline/encoders/bert.py", "tensors=tensors", "tensors=names")
    renamed.run("commands.accept", "train")
    assert renamed.repro() <= AFTER_TRAINING


def test_the_gate_passes_comments_and_stops_what_moves_a_number(project: Project, tmp_path: Path):
    original = project.copy(tmp_path / "original").commit()
    clone = original.clone(tmp_path / "clone")
    clone.comment()
    assert clone.gate() == ""
    assert clone.changed() == {"dvc.lock"}, "to be committed together with the code"
    assert clone.commit().clone(tmp_path / "commented").gate() == ""

    clone.edit("pipeline/training/step.py", "1.0 - ", "1.1 - ")
    said = clone.gate()
    assert "Stage 'tokenize@small' didn't change" in said
    # DVC would run it, and finds that a clean clone lacks its inputs.
    assert "failed to reproduce 'train@small-0'" in said
    assert said.endswith("error: dvc repro --dry --allow-missing has work to do\n")
    # With the lock's new hashes too: only training brings its outputs back in line.
    assert "train@small-0" in clone.commit().clone(tmp_path / "edited").gate()


def test_a_hostile_name_in_a_finished_graph_runs_nothing(project: Project, tmp_path: Path):
    """`code` checks params.yaml whenever it has changed."""
    hostile = project.copy(tmp_path / "hostile")
    hostile.edit("params.yaml", "  small:", "  small: &small")
    hostile.edit("params.yaml", "pretrain: {}", '  "$(touch ran)": *small\npretrain: {}')
    with pytest.raises(
        AssertionError, match=r"error: params.yaml: models\.\$\(touch ran\): string"
    ):
        hostile.repro()
    assert not list(hostile.folder.rglob("ran"))


def test_an_unknown_key_is_told_where_nothing_is_stale(project: Project, tmp_path: Path):
    unknown = project.copy(tmp_path / "unknown")
    unknown.edit("params.yaml", "folds: [0, 1]", "folds: [0, 1]\nfolsd: [0]")
    with pytest.raises(AssertionError, match=r"error: params.yaml: unknown key 'folsd'; the nea"):
        unknown.repro()
    unknown.edit("params.yaml", "\nfolsd: [0]", "\n# A remark.")
    assert unknown.repro() == {"code"}


def test_leftovers_are_told_before_a_fold_trains(project: Project, tmp_path: Path):
    fewer = project.copy(tmp_path / "fewer")
    fewer.edit("params.yaml", "folds: [0, 1]", "folds: [0]")
    fewer.edit("params.yaml", "backbone_rate: 0.001", "backbone_rate: 0.003")
    weights = fewer.folder / "artifacts/weights/small/fold0/model.safetensors"
    with pytest.raises(AssertionError) as told:
        fewer.repro()
    assert "error: artifacts/weights/small: fold1 is not in params.yaml; `make prune`" in str(
        told.value
    )
    assert "failed to reproduce 'train@small-0'" in str(told.value)
    assert not weights.exists(), "DVC removes a stage's outputs before it runs"


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
    assert page.count("vegaEmbed('#") == 7
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)\s*=\s*[\"']?(?:https?:)?//", page)
