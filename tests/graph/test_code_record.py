"""A stage runs on the code that the graph knows of, or says what to run."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline import paths
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.graph import code_hash
from pipeline.graph.code_record import write_record
from pipeline.graph.declaration import bodies
from stages import code
from stages.running import run_stage
from tests.configurations import SMALL, changed, write
from tests.contract.project import graph


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a configuration, in which nothing has run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    monkeypatch.setattr(sys, "argv", ["stages.some"])
    write(SMALL)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line with which a stage ends before its `main`."""
    with pytest.raises(SystemExit):
        run_stage(*arguments)  # type: ignore[arg-type]
    line = capsys.readouterr().err
    assert re.fullmatch(r"error: .+\n", line)
    return line.removeprefix("error: ").rstrip()


def refuse() -> None:
    raise AssertionError("it ran")


def test_the_code_stage_writes_what_stages_ask_for():
    code.main([])
    record = json.loads(Path("data/code/train.json").read_text())
    assert record == {"code": "train", "sha256": code_hash.of("train")}
    network = json.loads(Path("data/code/networks/bert.json").read_text())
    assert network == {"code": "networks/bert", "sha256": code_hash.of("networks/bert")}
    ran: list[bool] = []
    run_stage("split", lambda: ran.append(True))
    assert ran == [True]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"foo": 1}, "params.yaml: unknown key 'foo'; the nearest valid one is 'folds'"),
        ({"folds": 3}, "params.yaml: folds: expected a list, found 3"),
        (
            {"models": {"small": {"encoder": "brt"}}},
            "params.yaml: models.small.encoder: no 'brt'; the nearest valid one is 'bert'",
        ),
    ],
)
def test_the_code_stage_checks_the_whole_configuration(changes: dict[str, Any], expected: str):
    """It is the first of all, and the one that an unknown key makes stale."""
    write(changed(SMALL, changes))
    with pytest.raises(UserError) as told:
        code.main([])
    assert str(told.value) == expected
    assert not Path("data/code").exists()


def test_an_edit_to_the_configuration_makes_the_code_stage_stale():
    assert "params.yaml" in bodies(graph())["code"]["deps"]


def test_before_any_code_was_hashed(capsys: pytest.CaptureFixture[str]):
    expected = "data/code/split.json: not found; run dvc repro --single-item code"
    assert said(capsys, "split", refuse) == expected


@pytest.mark.parametrize("record", [{"code": "split", "sha256": "0"}, {"code": "gone"}, {}])
def test_on_other_code(record: dict[str, str], capsys: pytest.CaptureFixture[str]):
    write_json(paths.code("split"), record)
    expected = "data/code/split.json: the code has changed since; run dvc repro --single-item code"
    assert said(capsys, "split", refuse) == expected


@pytest.mark.parametrize("how", ["option", "variable"])
def test_on_another_network(
    how: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """The model's name comes as main takes it, and is a key of params.yaml before it is a path."""
    if how == "option":
        monkeypatch.setattr(sys, "argv", ["stages.some", "--model", "small", "--fold", "0"])
    else:
        monkeypatch.setenv("DVC_STAGE", "backbone@small")
    code.main([])
    arguments = ("train", refuse, paths.network)
    file = "data/backbones/small/encoder.json"
    assert said(capsys, *arguments) == f"{file}: not found; run dvc repro"
    write_json(Path(file), {"code": "networks/bert", "sha256": "0"})
    assert said(capsys, *arguments) == f"{file}: the code has changed since; run dvc repro"
    write_record(Path(file), "networks/deberta")
    assert said(capsys, *arguments) == f"{file}: the code has changed since; run dvc repro"
    write_record(Path(file), "networks/bert")
    ran: list[bool] = []
    run_stage("train", lambda: ran.append(True), paths.network)
    assert ran == [True]
    monkeypatch.setenv("DVC_STAGE", "")
    monkeypatch.setattr(sys, "argv", ["stages.some", "--model", "../x"])
    assert said(capsys, *arguments).startswith("params.yaml: models: no '../x'")
