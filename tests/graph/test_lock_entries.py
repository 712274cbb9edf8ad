"""Entries of dvc.lock, carried from one checkout to another by their bytes."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline.graph.lock_entries import add_entries, read_entry
from tests.graph.project import dvc, make

STAGES = """
stages:
  train:
    matrix: {fold: [0, 1]}
    cmd: cp in out${item.fold}
    params: [rate]
    deps: [in]
    outs: ['out${item.fold}']
"""


def test_dvc_takes_an_entry_of_another_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    make(STAGES, {"in": "words", "params.yaml": "rate: 2.0e-3\n"})
    entries = {name: json.loads(json.dumps(read_entry(name))) for name in ("train@0", "train@1")}
    here = shutil.copytree(tmp_path / "there", tmp_path / "here")
    monkeypatch.chdir(here)
    whole = Path("dvc.lock").read_bytes()
    Path("dvc.lock").unlink()
    add_entries({"train@0": entries["train@0"]})
    add_entries({"train@1": entries["train@1"]})
    add_entries({})
    assert Path("dvc.lock").read_bytes() == whole
    # Nothing is run, and so nothing is written.
    dvc("repro", "--quiet")
    assert Path("dvc.lock").read_bytes() == whole
