"""The time left to train: units that wait, and what those of their model took."""

from pathlib import Path

import pytest

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.files import write_json
from pipeline.training.left import left
from pipeline.units import Unit
from stages import train
from tests import configurations


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    configurations.write_members([0, 1, 2], ["small", "large"])


def took(model: str, fold: int, seconds: float, resumed_from: int = 0) -> None:
    write_json(paths.timing(model, Unit(fold)), {"seconds": seconds, "resumed_from": resumed_from})


def test_units_that_wait_take_the_median_of_their_model() -> None:
    for fold, seconds in enumerate((100.0, 400.0, 110.0)):
        took("small", fold, seconds)
    found = left(load_configuration(), {"train@small-0", "train@small-2", "evaluate@small"})
    assert found.units == {"small": 2}
    assert found.seconds == {"small": 110.0}
    assert found.line == "left to train: 2 of small: about 4 min one after another"


def test_a_model_that_was_never_timed_is_named() -> None:
    took("small", 1, 60.0)
    found = left(load_configuration(), {"train@small-0", "train@large-0", "train@large-1"})
    assert found.line == (
        "left to train: 1 of small, 2 of large: about 1 min one after another, and large, never "
        "timed (make smoke)"
    )


def test_a_unit_that_was_resumed_tells_no_time() -> None:
    took("small", 0, 3.0, resumed_from=90)
    assert left(load_configuration(), {"train@small-1"}).line == (
        "left to train: 1 of small: time not known"
    )


@pytest.mark.parametrize(
    ("seconds", "stage", "asked"),
    [(61.0, "train@small-1", 1), (59.0, "train@small-1", 0), (61.0, "", 0)],
    ids=["long", "short", "not by DVC"],
)
def test_a_long_fold_of_a_run_ends_in_the_time_left(
    seconds: float, stage: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr("subprocess.run", lambda command, check: ran.append(command))
    monkeypatch.setenv("DVC_STAGE", stage)
    monkeypatch.setattr(
        train, "train_fold", lambda *_: took("small", 1, seconds) or {"log_loss": 0.5}
    )
    monkeypatch.setattr(train, "check_later_stages", lambda *_, **__: None)
    train.main(["--model", "small", "--fold", "1"])
    assert [command[1:] for command in ran] == asked * [
        ["-m", "commands.graph", "--left", "--without", "train@small-1"]
    ]


def test_nothing_waits() -> None:
    assert left(load_configuration(), {"report"}).line == "nothing left to train"
