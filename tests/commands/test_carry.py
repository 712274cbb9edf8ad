"""`make carry`: an archive that trains where there is no DVC, to the bytes of training here."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands import carry
from pipeline.competition.schema import ELEMENT_ID, LABELS, SUBMISSION_COLUMNS
from pipeline.encoders.weights.tensors import read_tensors
from pipeline.errors import UserError
from tests.bundle.graph import MODEL, edit_configuration
from tests.configurations import SMALL, changed, text
from tests.contract.project import ROOT, few_essays, without_git

# A machine that has none of what the graph alone needs.
WITHOUT_DVC = """
import runpy, sys
sys.modules.update(dict.fromkeys(("dvc", "dvc_data", "datasets", "pandera", "sklearn")))
runpy.run_module("commands.carry", run_name="__main__")
"""
PRETRAIN = {
    "base": "small",
    "essays": "data/clean/train",
    "texts": "texts",
    "held_out": 0.2,
    "window": 64,
    "spans": {"share": 0.3, "shortest": 1, "longest": 3},
    "train": changed(
        SMALL["models"]["small"]["train"],
        {"epochs": 1, "rows": {"per_step": 8, "length": 64, "slots": 64}},
    ),
}


@pytest.fixture
def graph(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a finished graph with its records of code, which a command finds itself in."""
    folder = tmp_path / "graph"
    shutil.copytree(finished, folder, symlinks=True)
    monkeypatch.chdir(folder)
    (folder / "data/code").mkdir(exist_ok=True)
    return folder


def _unpack(archive: Path, folder: Path) -> None:
    """As one does over there: Python 3.11 before its fourth release has no safe way of its own."""
    folder.mkdir()
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", folder], check=True)


def test_the_archive_holds_code_parameters_and_inputs_alone(graph: Path) -> None:
    # As DVC makes one where its cache lies on another disk.
    Path("data/folds.parquet").rename("elsewhere")
    Path("data/folds.parquet").symlink_to("../elsewhere")
    carry.main(["pack", "--models", MODEL, "--into", "there.tar.xz", "--half"])
    with tarfile.open("there.tar.xz") as archive:
        names = archive.getnames()
    _unpack(Path("there.tar.xz"), Path("there"))
    folders = {"/".join(name.split("/")[:2]) for name in names if name.startswith("data/")}
    kept = {"data/clean", "data/folds.parquet", "data/backbones", "data/tokens", "data/code"}
    assert kept - {"data/code"} <= folders <= kept
    assert len(names) == len(set(names))
    assert {name.split("/")[0] for name in names} == {
        *("pipeline", "stages", "commands", "params.yaml", "data")
    }
    assert Path("there/data/folds.parquet").read_bytes() == Path("elsewhere").read_bytes()
    assert Path("there/params.yaml").read_bytes() == Path("params.yaml").read_bytes()
    here = read_tensors(Path(f"data/backbones/{MODEL}"))
    there = read_tensors(Path(f"there/data/backbones/{MODEL}"))
    assert here.keys() == there.keys()
    for name, array in here.items():
        # Eight bits of a weight stay.
        np.testing.assert_allclose(there[name], array, rtol=2.0**-8, atol=0)
    assert any((there[name] != array).any() for name, array in here.items())


def test_what_is_missing_or_outside_is_told(graph: Path) -> None:
    command = ["pack", "--models", MODEL, "--into", "there.tar.xz"]
    shutil.rmtree(f"data/tokens/{MODEL}/test")
    line = f"data/tokens/{MODEL}/test: not found, expected an output of the graph; run dvc repro"
    with pytest.raises(UserError, match=line):
        carry.main(command)
    edit_configuration(labels={"from": str(graph / "data/clean/train")})
    (graph / f"data/tokens/{MODEL}/test").mkdir()
    with pytest.raises(UserError, match="lies outside the project, so it can't be carried"):
        carry.main(command)
    with pytest.raises(UserError, match=r"params.yaml: models: no 'big'"):
        carry.main(["pack", "--models", "big", "--into", "there.tar.xz"])
    assert not Path("there.tar.xz").exists()


def test_windows_of_a_folder_s_essays_go_along(graph: Path) -> None:
    """What makes them isn't there, nor is the folder."""
    learns = changed(SMALL["models"]["small"], {"train": {"soft_labels": "both"}})
    edit_configuration(
        models={"second": learns}, unlabelled={"second": {"teacher": MODEL, "essays": "more"}}
    )
    for name in ("backbones/second/a", "tokens/second/train/b", "tokens/second/test/c"):
        (graph / "data" / name).parent.mkdir(parents=True)
        (graph / "data" / name).touch()
    command = ["pack", "--models", MODEL, "second", "--into", "there.tar.xz"]
    with pytest.raises(UserError, match="data/tokens/second/unlabelled: not found"):
        carry.main(command)
    (graph / "data/tokens/second/unlabelled/teacher").mkdir(parents=True)
    (graph / "data/tokens/second/unlabelled/teacher/d").touch()
    carry.main(command)
    with tarfile.open("there.tar.xz") as archive:
        assert "data/tokens/second/unlabelled/teacher/d" in archive.getnames()


@pytest.mark.slow
def test_trained_there_is_trained_here(tmp_path: Path) -> None:
    """Pre-training, folds and predictions, to the bytes that the stages leave here."""
    here, there = tmp_path / "here", tmp_path / "there"
    later = {
        "backbone": {"source": "data/pretrained/mlm", "needs": "data/pretrained/mlm"},
    }
    later_too = changed(SMALL["models"]["small"], later)
    student = changed(later_too, {"train": {"soft_labels": "alone"}})
    models = {"small": {}, "later": later_too, "student": student}
    rest = {"pretrain": {"mlm": PRETRAIN}, "pseudo": {"student": {"teacher": "later"}}}
    parameters = changed(SMALL, {"models": models, **rest})
    without_git(here, text(parameters))
    few_essays(ROOT / "data/sample", here / "data/sample", train=24, test=3)
    (here / "texts").mkdir()
    (here / "texts/one.txt").write_text("Schools should start later. Students who sleep learn.")
    cache = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache"), "XLA_FLAGS": ""}

    def run(folder: Path, *command: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env=os.environ | cache | {"JAX_PLATFORMS": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    for stage in ("code", "validate", "split"):
        run(here, "-m", f"stages.{stage}")
    for stage in ("backbone", "tokenize"):
        run(here, "-m", f"stages.{stage}", "--model", "small")
    # Of a former teacher: it stays here.
    (here / "data/tokens/small/train/soft").mkdir()
    (here / "data/tokens/small/train/soft/fold0.parquet").touch()
    packing = ("pack", "--into", "there.tar.xz", "--models")
    told = run(here, "-m", "commands.carry", *packing, "student", "later", status=1)
    assert "error: --models: student learns from later; expected later before it" in told
    run(here, "-m", "commands.carry", *packing, "later", "student")
    shutil.rmtree(here / "data/tokens/small/train/soft")
    _unpack(here / "there.tar.xz", there)
    assert not list(there.rglob("soft"))
    training = ("train", "--models", "later", "student", "--out", "out")
    run(there, "-c", WITHOUT_DVC, *training)
    again = run(there, "-c", WITHOUT_DVC, *training)
    assert "train@later" not in again
    assert "out/later-*.csv" in again
    parameters = there / "params.yaml"
    parameters.write_text(parameters.read_text().replace("epochs: 1", "epochs: 2"))
    assert "have changed since training began here" in run(
        there, "-c", WITHOUT_DVC, *training, status=1
    )
    run(here, "-m", "commands.carry", *training)
    for name in (
        f"{model}-{kind}.csv" for model in ("later", "student") for kind in ("oof", "test")
    ):
        assert (there / "out" / name).read_bytes() == (here / "out" / name).read_bytes()
    oof = pd.read_csv(there / "out/later-oof.csv")
    assert list(oof.columns) == list(SUBMISSION_COLUMNS)
    tables = [
        pd.read_parquet(there / f"artifacts/folds/later/fold{fold}/oof.parquet") for fold in (0, 1)
    ]
    whole = pd.concat(tables).set_index(ELEMENT_ID).loc[oof[ELEMENT_ID]]
    assert len(whole) == len(oof)
    np.testing.assert_allclose(oof[list(LABELS)], whole[list(LABELS)], atol=6e-9, rtol=0)
