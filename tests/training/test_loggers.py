"""Loggers hold what a run did, each step once, and can't end it."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Environments with the oldest versions have neither.
pytest.importorskip("tensorboard")
pytest.importorskip("wandb")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto import wandb_internal_pb2

from pipeline.errors import UserError
from pipeline.training.history import Validation
from pipeline.training.loggers import catalogue
from pipeline.training.loggers.loggers import Loggers
from pipeline.training.loggers.tensorboard import TensorBoard
from pipeline.training.loggers.wandb import WeightsAndBiases
from pipeline.units import Unit


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


def records(path: Path) -> Iterator[Any]:
    """What a run's file holds: LevelDB's log format, blocks of 32 KiB, behind a head of 7 bytes."""
    data, place, whole = path.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while place + 7 <= len(data):
        room = 32768 - place % 32768
        if room < 7:
            place += room
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        # Whole, or the last of several parts.
        if kind in (1, 4):
            found = wandb_internal_pb2.Record()
            found.ParseFromString(whole)
            yield found
            whole = b""


def history(path: Path) -> dict[int, dict[str, Any]]:
    """Figures by step."""
    found: dict[int, dict[str, Any]] = {}
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            items = {
                "/".join(item.nested_key) or item.key: json.loads(item.value_json)
                for item in record.history.item
            }
            step = items.pop("_step")
            found.setdefault(step, {}).update(
                {name: value for name, value in items.items() if not name.startswith("_")}
            )
    return found


def test_weights_and_biases_keeps_a_run_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_API_KEY", "local-" + "5ec4e7" * 7)
    monkeypatch.chdir(tmp_path)
    (made,) = catalogue.make(["wandb"], "m", Unit(0), {"rate": 0.5})
    killed = Loggers("train@m-0", [made])
    killed.start(0)
    killed.step(1, loss=1.5, norm=2.0, share=0.5, speed=100.0)
    killed.step(2, loss=1.25, norm=2.5, share=0.25, speed=100.0)
    killed.close()
    folder = tmp_path / ".logs/wandb/m/fold0"
    resumed = Loggers("train@m-0", [WeightsAndBiases(folder, "m, fold 0", {"rate": 0.5})])
    resumed.start(1)
    resumed.step(2, loss=1.25, norm=2.5, share=0.25, speed=100.0)
    resumed.held_out(2, Validation(0.75))
    resumed.close()
    one, other = sorted(folder.rglob("*.wandb"), key=lambda path: path.stat().st_mtime)
    assert one.name == other.name, "the same run"
    assert history(one) == {
        1: {"loss/train": 1.5, "gradient_norm": 2.0, "rate_share": 0.5, "tokens_per_second": 100.0},
        2: {
            "loss/train": 1.25,
            "gradient_norm": 2.5,
            "rate_share": 0.25,
            "tokens_per_second": 100.0,
        },
    }
    assert history(other)[2]["loss/held_out"] == 0.75
    (run,) = [r.run for r in records(one) if r.WhichOneof("record_type") == "run"]
    assert run.display_name == "m, fold 0"
    assert run.host == ""
    assert {item.key: item.value_json for item in run.config.update}["rate"] == "0.5"
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"5ec4e7" not in kept


def test_what_is_off_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: pytest.fail(name))
    assert catalogue.make([], "m", Unit(0), {}) == []
    assert not Loggers("train@m-0")
