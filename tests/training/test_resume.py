"""A fold that is killed, stopped, damaged and gone on with ends with the bits of a whole run."""

import re
import signal
from pathlib import Path

import pytest

from tests.configurations import SMALL, text
from tests.contract.project import ROOT, few_essays, without_git
from tests.training.process import FIT, FOLD, TRAIN, WEIGHTS, Folder

pytestmark = pytest.mark.slow

# Dies with the weights in place, before what belongs beside them.
PUBLISHING = (
    "-c",
    f"""
import os, runpy, signal, sys
from pathlib import Path
rename = os.rename
def dying(*names):
    if Path("{WEIGHTS}").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*names)
os.rename = dying
runpy.run_module(sys.argv.pop(1), run_name="__main__")
""",
    *TRAIN,
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Everything that training reads; a checkpoint after every step."""
    folder = tmp_path_factory.mktemp("resume") / "project"
    without_git(folder, text(SMALL))
    few_essays(ROOT / "data/sample", folder / "data/sample", train=32, test=1)
    made = Folder(folder, tmp_path_factory.mktemp("cache"))
    made.edit("checkpoint_minutes: 10", "checkpoint_minutes: 1.0e-6")
    made.edit("devices: 2", "devices: 1")
    made.edit("epochs: 1", "epochs: 5")
    made.edit("rows: {per_step: 8", "rows: {per_step: 4")
    for stage in ("code", "validate", "split"):
        made.run(f"stages.{stage}")
    for stage in MODEL_STAGES:
        made.run(f"stages.{stage}", "--model", "small")
    return made


ODD = {  # what a shell may have set for something else
    "JAX_ENABLE_X64": "1",
    "JAX_DEFAULT_PRNG_IMPL": "rbg",
    "JAX_THREEFRY_PARTITIONABLE": "0",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_DEBUG_NANS": "1",
    "JAX_DISABLE_JIT": "1",
    "JAX_TRANSFER_GUARD": "disallow",
    "JAX_CHECK_TRACER_LEAKS": "1",
}
STEPS = (r"jit\(_fun\)", r"pmap\(step\)", "step")  # as versions of JAX call a pmap in their log
MODEL_STAGES = ("backbone", "tokenize")


@pytest.mark.golden
@pytest.mark.parametrize("select", ["last", "best"])
def test_killed_and_stopped_equals_uninterrupted(
    prepared: Folder, tmp_path: Path, select: str
) -> None:
    whole = prepared.copy(tmp_path / "whole")
    whole.edit("epochs: 5\n", f"epochs: 5\n      select: {select}\n")
    killed = whole.copy(tmp_path / "killed")
    said = whole.train(JAX_LOG_COMPILES="1")
    # By their seconds: some versions of JAX log each line twice.
    log = rf"Finished XLA compilation of (?:{'|'.join(STEPS)}) ?in ([\d.]+) sec"
    compiled = set(re.findall(log, said))
    assert len(compiled) == 2, "one train step and one prediction step, ragged ends and all"

    assert killed.train_until_saved(3, signal.SIGKILL) == -signal.SIGKILL
    after_kill = killed.saved()
    assert after_kill >= 3
    for name in ("pipeline/training/loop.py", "pipeline/encoders/bert.py"):
        with (killed.path / name).open("a") as stream:
            stream.write("# A remark costs no checkpoint.\n")
    assert killed.train_until_saved(after_kill + 2, signal.SIGTERM) == 75
    assert killed.saved() > after_kill
    last = killed.flip_a_bit()
    said = killed.run(*PUBLISHING, status=-signal.SIGKILL, **ODD)
    assert (killed.path / WEIGHTS).exists()
    assert not (killed.path / FOLD).exists()
    assert said.count(f"state/{last}: damaged (") == 1
    found = re.search(r"resumed at step (\d+) of (\d+)", said)
    assert found
    assert 0 < int(found[1]) < last < int(found[2])
    killed.train()
    assert killed.bits() == whole.bits()
    assert not list(killed.path.glob(".checkpoints/small-*")), "removed once it is published"


def test_a_full_fit_killed_equals_uninterrupted_and_reads_no_split(
    prepared: Folder, tmp_path: Path
) -> None:
    whole = prepared.copy(tmp_path / "whole")
    whole.edit("full: []", "full: [small]")
    whole.edit("epochs: 5\n", "epochs: 5\n      evaluations: 2\n")
    (whole.path / "data/folds.parquet").unlink()
    killed = whole.copy(tmp_path / "killed")
    said = whole.run(*FIT)
    assert "fit@small: trained on 32 essays, artifacts/weights/small/full" in said
    assert "validation" not in said
    folder = whole.path / "artifacts/folds/small/full"
    assert sorted(path.name for path in folder.iterdir()) == ["history.csv", "metrics.json"]
    assert {line.split(",")[2] for line in (folder / "history.csv").read_text().split()[1:]} == {
        "train",
        "gradient",
    }
    assert (whole.path / "artifacts/timing/small/full.json").exists()
    assert killed.train_until_saved(3, signal.SIGKILL, FIT, "full") == -signal.SIGKILL
    assert "fit@small: resumed at step" in killed.run(*FIT)
    assert killed.bits("full") == whole.bits("full")


def test_another_number_of_devices_goes_on_and_says_so(prepared: Folder, tmp_path: Path) -> None:
    folder = prepared.copy(tmp_path / "folder")
    folder.train_until_saved(2, signal.SIGKILL)
    folder.edit("devices: 1", "devices: 2")
    said = folder.train()
    assert "saved with 1 device(s), going on with 2; the last bits may differ" in said


def test_a_loss_that_is_not_finite_publishes_nothing(prepared: Folder, tmp_path: Path) -> None:
    folder = prepared.copy(tmp_path / "folder")
    folder.edit("backbone_rate: 0.001, head_rate: 0.001", "backbone_rate: 1.0e30, head_rate: 1.0")
    said = folder.run(*TRAIN, status=1)
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "train@small-0: the loss or its gradient is not finite at step" in errors[0]
    assert "Traceback" not in said
    assert not (folder.path / FOLD).exists()
    assert not (folder.path / "artifacts/weights").exists()


def test_rows_that_do_not_divide_are_refused(prepared: Folder, tmp_path: Path) -> None:
    folder = prepared.copy(tmp_path / "folder")
    folder.edit("devices: 1", "devices: 3")
    said = folder.run(*TRAIN, status=1)
    assert "error: params.yaml: rows.per_step: 4 rows cannot be split over 3 device(s)" in said


@pytest.mark.parametrize("platform", ["tpu", "gpu"])
def test_a_platform_that_is_not_there_is_an_error(
    prepared: Folder, tmp_path: Path, platform: str
) -> None:
    folder = prepared.copy(tmp_path / "folder")
    folder.edit("platform: cpu, devices: 1", f"platform: {platform}, devices: auto")
    said = folder.run(*TRAIN, status=1)
    told = "but the installed build of JAX is for cpu; `make venv ACCELERATOR="
    assert f"error: params.yaml: compute.platform: {platform}, {told}" in said
