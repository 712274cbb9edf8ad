"""All folds at once: each has the bits that it has alone, whatever stands beside it."""

import gc
import inspect
import re
import signal
import time
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jax
import pytest

from pipeline.configuration import Configuration, check
from pipeline.errors import STOPPED, Stopped, UserError
from pipeline.training import all_folds
from pipeline.training.fold import FoldRun
from pipeline.training.interruptions import Interruptions
from pipeline.training.job import Job, job_of
from pipeline.training.loggers.loggers import Loggers
from pipeline.training.origin import Origin
from pipeline.units import Unit, units
from tests.configurations import SMALL, changed, text
from tests.contract.project import ROOT, few_essays, without_git
from tests.training.process import Folder

FOLDS = ("commands.folds", "--model", "small")


@pytest.mark.parametrize(
    ("folds", "devices", "told"),
    [
        (5, 1, "5 fold(s) on 1 TPU v5 lite device: a device trains one fold at a time"),
        (1, 8, "1 fold(s) on 1 TPU v5 lite device: a device trains one fold at a time"),
        (5, 8, "5 folds, 5 at once, each on a TPU v5 lite device alone, 1 round(s)"),
        (30, 8, "30 folds, 8 at once, each on a TPU v5 lite device alone, 4 round(s)"),
    ],
)
def test_the_log_says_how_folds_share_the_devices(folds: int, devices: int, told: str) -> None:
    assert all_folds._plan(folds, devices, "TPU v5 lite") == told


def test_the_fault_that_ended_the_run_is_raised(capsys: pytest.CaptureFixture[str]) -> None:
    """A fault of one fold stops the others; a bug goes before what a user can mend."""
    stops = [Stopped("fold 1: saved"), Stopped("fold 2: saved")]
    mistake, bug = UserError("fold 3: not finite"), ZeroDivisionError("bug")
    with pytest.raises(Stopped, match="fold 1"):
        all_folds._tell(stops)
    assert capsys.readouterr().out == "fold 2: saved\n"
    with pytest.raises(UserError, match="fold 3"):
        all_folds._tell([*stops, mistake])
    with pytest.raises(ZeroDivisionError):
        all_folds._tell([*stops, mistake, bug])
    all_folds._tell([])


@pytest.mark.usefixtures("signals")
def test_a_fault_of_one_fold_stops_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """On two devices; the first two folds have begun, the others never do."""
    begun: list[str] = []

    def train(job: Job, origin: object, device: object, interruptions: Interruptions) -> None:
        begun.append(job.name)
        if job.unit.fold == 1:
            raise UserError(f"{job.name}: not finite")
        until = time.monotonic() + 30.0
        while interruptions.reason() is None:
            assert time.monotonic() < until, "nobody stops it"
            time.sleep(0.001)
        raise Stopped(f"{job.name}: {interruptions.reason()}; saved")

    monkeypatch.setattr(all_folds, "_train", train)
    monkeypatch.setattr(all_folds, "origin_of", lambda job: Origin(job.name, {}, {}, {}, {}, {}))
    monkeypatch.setattr(all_folds, "folder_of", lambda job, origin: Path(job.name))
    monkeypatch.setattr(all_folds.needs, "check_room", lambda runs: None)
    monkeypatch.setattr(all_folds.machine, "start", lambda compute: jax.local_devices()[:1] * 2)
    configuration = Configuration(check(SMALL, Path("params.yaml")), Path("params.yaml"))
    jobs = [job_of(configuration, "small", unit) for unit in units([0, 1], [5])]
    with pytest.raises(UserError, match="train@small-1: not finite"):
        all_folds.train_folds(jobs)
    assert sorted(begun) == ["train@small-0", "train@small-1"]


def test_a_fold_that_does_not_fit_says_what_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that XLA gives, and an error of another kind, which stays what it is."""

    def full(total: int) -> None:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Ran out of memory in hbm\nmore")

    def broken(total: int) -> None:
        raise jax.errors.JaxRuntimeError("INTERNAL: broken")

    configuration = Configuration(check(SMALL, Path("params.yaml")), Path("params.yaml"))
    run = object.__new__(FoldRun)
    run.job, run.devices = job_of(configuration, "small", Unit(1)), jax.local_devices()[:1]
    run.data = SimpleNamespace(schedule=SimpleNamespace(total=3))  # type: ignore[assignment]
    run.model = SimpleNamespace(initial_state=full)  # type: ignore[assignment]
    run.loop = SimpleNamespace(run=None, loggers=Loggers("m"))  # type: ignore[assignment]
    nothing = cast(Any, None)
    with pytest.raises(UserError) as error:
        cast(Any, inspect.unwrap(FoldRun.run))(run, nothing, nothing)
    assert str(error.value) == (
        "train@small-1: out of memory with 8 row(s) of 128 tokens a device, expected a device with "
        "more memory; raise train.accumulation or train.remat, or train it over all devices, by "
        "dvc repro; RESOURCE_EXHAUSTED: Ran out of memory in hbm"
    )
    run.model = SimpleNamespace(initial_state=broken)  # type: ignore[assignment]
    with pytest.raises(jax.errors.JaxRuntimeError, match="broken"):
        cast(Any, inspect.unwrap(FoldRun.run))(run, nothing, nothing)


def test_the_initial_state_goes_where_a_checkpoint_takes_its_place() -> None:
    """A device may have no room for both."""

    class Leaf:
        pass

    seen: list[bool] = []

    def begin(state: Any, *rest: object) -> str:
        gone = weakref.ref(state)
        del state
        gc.collect()
        seen.append(gone() is None)
        return "restored"

    configuration = Configuration(check(SMALL, Path("params.yaml")), Path("params.yaml"))
    run = object.__new__(FoldRun)
    run.job = job_of(configuration, "small", Unit(1))
    run.data = SimpleNamespace(schedule=SimpleNamespace(total=3))  # type: ignore[assignment]
    run.model = SimpleNamespace(initial_state=lambda total: Leaf())  # type: ignore[assignment]
    run.loop = SimpleNamespace(run=begin, loggers=Loggers("m"))  # type: ignore[assignment]
    nothing = cast(Any, None)
    undecorated = inspect.unwrap(FoldRun.run)
    assert cast(Any, undecorated)(run, nothing, nothing) == "restored"
    assert seen == [True]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Everything that training reads; a checkpoint after every step, two devices."""
    folder = tmp_path_factory.mktemp("folds") / "project"
    tree = changed(
        SMALL,
        {
            "seeds": [11],
            "session": {"checkpoint_minutes": 1.0e-6},
            "models": {"small": {"train": {"epochs": 4, "rows": {"per_step": 4}}}},
        },
    )
    without_git(folder, text(tree))
    few_essays(ROOT / "data/sample", folder / "data/sample", train=32, test=1)
    made = Folder(folder, tmp_path_factory.mktemp("cache"))
    for stage in ("code", "validate", "split"):
        made.run(f"stages.{stage}")
    for stage in ("backbone", "tokenize"):
        made.run(f"stages.{stage}", "--model", "small")
    return made


def _publish(folder: Folder, unit: str) -> str:
    """Run the stage of a fold, which finds it trained; return what it said."""
    fold, _, seed = unit.removeprefix("fold").partition("-seed")
    more = ("--seed", seed) if seed else ()
    return folder.run("stages.train", "--model", "small", "--fold", fold, *more)


@pytest.mark.slow
def test_a_fold_has_the_bits_that_it_has_alone(prepared: Folder, tmp_path: Path) -> None:
    """Beside others, on either core; and where all of them were killed in the middle."""
    alone = prepared.copy(tmp_path / "alone")
    alone.edit("devices: 2", "devices: 1")
    whole, killed = prepared.copy(tmp_path / "whole"), prepared.copy(tmp_path / "killed")
    said = whole.run(*FOLDS)
    assert "4 folds, 2 at once, each on a cpu device alone, 2 round(s)" in said
    totals = dict(re.findall(r"@small-([\d-]+): (\d+) steps on 1 cpu device\(s\)", said))
    assert killed.train_until_saved(3, signal.SIGKILL, FOLDS) == -signal.SIGKILL
    assert killed.train_until_saved(5, signal.SIGTERM, FOLDS) == STOPPED
    # On a busy machine the signal comes steps later, at worst after the fold's last.
    resumed = re.search(r"train@small-0: resumed at step (\d+) of (\d+)", killed.run(*FOLDS))
    assert resumed
    assert 5 <= int(resumed[1]) <= int(resumed[2])
    # Predictions of two devices may differ in their last bits from those of one.
    for folder in (whole, killed):
        folder.edit("devices: 2", "devices: 1")
    for unit in ("fold0", "fold1-seed11"):
        total = totals[unit.removeprefix("fold").replace("-seed", "-")]
        for folder in (whole, killed):
            assert f"resumed at step {total} of {total}" in _publish(folder, unit)
        _publish(alone, unit)
        assert whole.bits(unit) == killed.bits(unit) == alone.bits(unit)
    _publish(whole, "fold0-seed11")
    assert whole.bits("fold0-seed11")[0] != whole.bits("fold0")[0]
