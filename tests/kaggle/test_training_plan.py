"""What can't be trained on Kaggle is told before anything is sent."""

from pathlib import Path
from typing import Any

import pytest

from commands import train_on_kaggle
from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.kaggle.accelerators import ACCELERATORS
from pipeline.kaggle.training import plan
from tests.configurations import SMALL, changed, write

MODEL = "small"
ANY = changed(SMALL, {"compute": {"devices": "auto", "platform": "gpu"}})


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write params.yaml; a backbone of a byte stands for its weights."""

    def configure(**sections: Any) -> list[Any]:
        write(changed(ANY, sections))
        backbone = paths.backbone(MODEL)
        backbone.mkdir(parents=True, exist_ok=True)
        (backbone / "model.safetensors").write_bytes(b"x")
        return plan.jobs_of(load_configuration(), MODEL, [])

    monkeypatch.chdir(tmp_path)
    return configure


@pytest.mark.parametrize(
    ("compute", "name", "line"),
    [
        (
            {"platform": "cpu"},
            "gpu",
            "params.yaml: compute.platform: cpu, but ACCELERATOR asks for gpu; nothing was sent: a "
            "fold counts for the platform that it was trained on; set compute.platform: gpu",
        ),
        (
            {"dtype": "bfloat16"},
            "gpu",
            "params.yaml: compute.dtype: bfloat16, which Kaggle's gpu does not compute; expected "
            "float32 or float16; nothing was sent",
        ),
        (
            {"devices": 3},
            "gpu",
            "params.yaml: compute.devices: 3, but Kaggle's gpu has 2; nothing was sent",
        ),
    ],
    ids=["platform", "dtype", "devices"],
)
def test_a_machine_that_does_not_fit_is_refused(
    compute: dict[str, Any], name: str, line: str, configured: Any
):
    configured(compute=compute)
    with pytest.raises(UserError) as refused:
        train_on_kaggle.main(["--model", MODEL, "--accelerator", name])
    assert str(refused.value) == line


def test_a_fold_that_is_not_trained_is_refused(configured: Any):
    configured(full=[MODEL])
    with pytest.raises(UserError, match=r"FOLDS: 7: expected of 0 1 full, as params.yaml has it"):
        train_on_kaggle.main(["--model", MODEL, "--folds", "0 7"])


def test_folds_come_under_every_seed(configured: Any):
    configured(seeds=[9], full=[MODEL])
    jobs = plan.jobs_of(load_configuration(), MODEL, ["1", "full"])
    assert [job.name for job in jobs] == [
        "train@small-1",
        "fit@small",
        "reseed@small-1-9",
        "refit@small-9",
    ]


@pytest.mark.parametrize(
    ("name", "folds", "kernels", "one_by_one", "expected"),
    [
        # Two T4 a kernel, two kernels at once.
        ("gpu", 2, None, False, [([0, 1], True)]),
        ("gpu", 3, None, False, [([0, 2], True), ([1], False)]),
        ("gpu", 5, None, False, [([0, 2, 4], True), ([1, 3], True)]),
        ("gpu", 2, None, True, [([0], False), ([1], False)]),
        ("gpu", 2, 1, True, [([0, 1], False)]),
        # Eight cores, one kernel.
        ("tpu", 5, None, False, [([0, 1, 2, 3, 4], True)]),
        ("tpu", 1, None, False, [([0], False)]),
        ("tpu", 2, 7, False, [([0], False), ([1], False)]),
        ("cpu", 3, None, False, [([0, 1, 2], False)]),
    ],
)
def test_folds_are_shared_among_kernels(
    name: Any,
    folds: int,
    kernels: int | None,
    one_by_one: bool,
    expected: list[tuple[list[int], bool]],
    configured: Any,
):
    jobs = configured(compute={"platform": name}, split={"n_folds": 5}, folds=list(range(folds)))
    found = plan.shares(jobs, ACCELERATORS[name], kernels, one_by_one=one_by_one)
    assert [([job.fold for job in share.jobs], share.at_once) for share in found] == expected


def test_rows_that_do_not_divide_are_refused(configured: Any):
    """A fold alone takes all eight cores; beside others each takes one."""
    rows = {"models": {MODEL: {"train": {"rows": {"per_step": 4}}}}}
    jobs = configured(compute={"platform": "tpu"}, **rows)
    plan.shares(jobs, ACCELERATORS["tpu"], None, one_by_one=False)
    with pytest.raises(UserError, match=r"4 rows cannot be split over 8 device\(s\)"):
        plan.shares(jobs, ACCELERATORS["tpu"], None, one_by_one=True)


def test_more_than_kaggle_keeps_is_refused(configured: Any, monkeypatch: pytest.MonkeyPatch):
    """Of each fold its weights, and three times as much in its last checkpoint."""
    jobs = configured()
    monkeypatch.setattr(plan, "_OUTPUT", 8)
    plan.shares(jobs, ACCELERATORS["gpu"], None, one_by_one=False)
    monkeypatch.setattr(plan, "_OUTPUT", 7)
    with pytest.raises(UserError, match=r"FOLDS: 2 trainings of small in one kernel may leave"):
        plan.shares(jobs, ACCELERATORS["gpu"], None, one_by_one=False)
