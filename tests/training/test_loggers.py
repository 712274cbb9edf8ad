"""Loggers hold what a run did, each step once, and can't end it."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.errors import UserError
from pipeline.training.history import Validation
from pipeline.training.loggers import catalogue
from pipeline.training.loggers.loggers import Loggers
from pipeline.training.loggers.tensorboard import TensorBoard


def read(folder: Path, tag: str) -> list[tuple[int, float]]:
    """What TensorBoard itself reads of a run."""
    found = EventAccumulator(str(folder))
    found.Reload()
    return [(event.step, event.value) for event in found.Scalars(tag)]


def test_tensorboard_reads_a_resumed_run_s_steps_once(tmp_path: Path) -> None:
    killed = Loggers("train@m-0", [TensorBoard(tmp_path, {"rate": 0.5})])
    killed.start(0)
    for step in (1, 2, 3):
        killed.step(step, loss=float(step), norm=2.0 * step, share=0.5, speed=100.0)
    killed.close()
    resumed = Loggers("train@m-0", [TensorBoard(tmp_path, {"rate": 0.5})])
    resumed.start(2)
    resumed.step(3, loss=8.0, norm=9.0, share=0.25, speed=100.0)
    resumed.held_out(3, Validation(0.5))
    resumed.close()
    assert read(tmp_path, "loss/train") == [(1, 1.0), (2, 2.0), (3, 8.0)]
    assert read(tmp_path, "gradient_norm") == [(1, 2.0), (2, 4.0), (3, 9.0)]
    assert read(tmp_path, "rate_share") == [(1, 0.5), (2, 0.5), (3, 0.25)]
    assert read(tmp_path, "loss/held_out") == [(3, 0.5)]


class _Full(TensorBoard):
    def scalars(self, step: int, values: object) -> None:
        raise OSError(28, "No space left on device")


def test_a_logger_that_fails_is_told_of_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loggers = Loggers("train@m-0", [_Full(tmp_path, {})])
    loggers.start(0)
    loggers.step(1, 1.0, 1.0, 1.0, 1.0)
    loggers.step(2, 1.0, 1.0, 1.0, 1.0)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1
    assert said[0].startswith("train@m-0: _Full failed and is left out from here on: OSError(28")
    assert not loggers


def test_a_logger_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^params.yaml: session.loggers: tensorboard is not inst"):
        catalogue.check(["tensorboard"])
    catalogue.check([])
