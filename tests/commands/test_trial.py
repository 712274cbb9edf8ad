"""`make try`, on a graph whose training takes no time: a toy in place of the trainer."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import trial as command
from pipeline import file_lock
from pipeline.errors import UserError
from pipeline.graph.project_copy import FOLDER
from pipeline.trials import TRIALS
from tests import configurations
from tests.contract.project import ROOT, without_git

GRAPH = """
stages:
  clean:
    cmd: python -m stages.toy
    deps: [data/raw]
    outs: [data/clean/train, data/folds.parquet]
  train:
    matrix: {model: "${models}", fold: "${folds}"}
    cmd: python -m stages.toy ${item}
    params: ["models.${item.model}.train"]
    deps: [data/clean/train, data/folds.parquet]
    outs:
      - artifacts/folds/${item.model}/fold${item.fold}
      - artifacts/timing/${item.model}/fold${item.fold}.json
"""
# The more epochs, the better; essays differ in how much. Every training leaves a line in `trained`.
TOY = """
import os, sys
from pathlib import Path
import numpy as np, pandas as pd
from pipeline import files
from pipeline.configuration import load_configuration
from pipeline.tables.predictions import write_predictions

essays = [f"e{i}" for i in range(20)]
if len(sys.argv) == 1:
    size = int(Path("data/raw/size").read_text())
    table = pd.DataFrame({"essay_id": np.repeat(essays, size), "label": 1})
    table["discourse_id"] = [f"d{i}" for i in table.index]
    table["discourse_type"] = "Claim"
    files.write_parquet(Path("data/clean/train/elements.parquet"), table)
    folds = pd.DataFrame({"essay_id": essays, "fold": [i % 2 for i in range(20)]})
    files.write_parquet(Path("data/folds.parquet"), folds)
    sys.exit()
model, fold = sys.argv[2], int(sys.argv[4])
epochs = load_configuration().whole.models[model].train.epochs
with Path(os.environ["TRAINED"]).open("a") as log:
    log.write(f"{model} {fold} {epochs}\\n")
if epochs == 13:
    sys.exit("broken")
table = pd.read_parquet("data/clean/train/elements.parquet")
number = table["essay_id"].str[1:].astype(int)
table, number = table[number % 2 == fold], number[number % 2 == fold]
truth = 0.4 + 0.02 * epochs + 0.001 * epochs * (number % 5)
rows = np.stack([(1 - truth) / 2, truth, (1 - truth) / 2], axis=1)
folder = Path(f"artifacts/folds/{model}/fold{fold}")
folds = np.full(len(rows), fold)
write_predictions(folder / "oof.parquet", list(table["discourse_id"]), folds, rows)
files.write_json(Path(f"artifacts/timing/{model}/fold{fold}.json"), {"seconds": 7.5})
"""
TRAINED = "trained"
Try = Callable[..., list[str]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose graph has never run."""
    sample = str(ROOT / "data/sample")
    changes = {
        "data": {"source": sample},
        "split": {"n_folds": 2},
        "folds": [0],
        "models": {"tiny": {"backbone": {"needs": sample}}},
    }
    made = configurations.changed(configurations.DEFAULT, changes)
    folder = without_git(tmp_path_factory.mktemp("toy"), configurations.text(made))
    (folder / "dvc.yaml").write_text(GRAPH)
    (folder / "stages/toy.py").write_text(TOY)
    (folder / "data/raw").mkdir(parents=True)
    (folder / "data/raw/size").write_text("3")
    return folder


@pytest.fixture
def try_(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Try:
    monkeypatch.chdir(shutil.copytree(project, tmp_path / "copy"))
    monkeypatch.setenv("TRAINED", str(tmp_path / "copy" / TRAINED))

    def run(settings: str, *arguments: str) -> list[str]:
        command.main([f"--set={settings}", *arguments])
        return capsys.readouterr().out.splitlines()

    return run


def trained() -> list[str]:
    return Path(TRAINED).read_text().splitlines()


def workspace() -> dict[str, str]:
    """Digests of all that a user has there; DVC's cache and the copy aside."""
    files = [p for p in Path().rglob("*") if p.is_file()]
    own = [p for p in files if p.parts[0] != ".cache" and p.parts[:2] not in HIDDEN]
    return {p.as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in own}


HIDDEN = ((".dvc", "cache"), (".dvc", "tmp"))


@pytest.mark.slow
def test_a_variant_against_the_present_configuration(try_: Try):
    """Epochs 8 give truths of 0.56 and up, epochs 10 of 0.60 and up, in ten essays of three."""
    before = workspace()
    lines = try_("models.tiny.train.epochs=10", "--fold=1")
    assert lines[0] == "fold 1: 30 elements of 10 essays, paired by essay; intervals hold 95 %"
    assert lines[1].startswith("smallest difference that it can see: 0.0033 (")
    # Means of -log over the five truths of each.
    assert lines[2].split()[:3] == ["A", "models.tiny.train.epochs=10", "0.4783"]
    assert lines[3].split()[:3] == ["B", "params.yaml", "0.5518"]
    assert lines[4] == "trials.jsonl: 1 trial"
    assert lines[5].startswith("A - B  -0.0735 (")
    assert lines[5].endswith("): better")
    after = workspace()
    assert set(after) - set(before) == {"trials.jsonl", TRAINED}
    assert before.items() <= after.items()
    (line,) = map(json.loads, TRIALS.read_text().splitlines())
    assert line["settings"] == {"models.tiny.train.epochs": 10}
    assert (line["model"], line["fold"], line["essays"]) == ("tiny", 1, 10)
    assert (line["verdict"], line["difference"]) == ("better", pytest.approx(-0.0735, abs=5e-5))
    assert (line["seconds"], line["base_seconds"], line["commit"]) == (7.5, 7.5, None)
    assert set(line["code"]) == {"train", "networks/bert"}
    assert trained() == ["tiny 1 8", "tiny 1 10"]


@pytest.mark.slow
def test_nothing_is_trained_twice(try_: Try):
    """The next try takes the present fold from the cache; the workspace, once it's there, any."""
    try_("models.tiny.train.epochs=10", "--fold=1")
    lines = try_("models.tiny.train.epochs=6", "--fold=1")
    assert lines[-2] == "trials.jsonl: 2 trials"
    assert lines[-1].endswith("): worse")
    # The very same once more is no other trial.
    assert try_("models.tiny.train.epochs=6", "--fold=1") == lines
    assert trained() == ["tiny 1 8", "tiny 1 10", "tiny 1 6"]
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(
        text.replace("epochs: 8", "epochs: 10").replace("folds: [0]", "folds: [1]")
    )
    dvc = [sys.executable, "-m", "dvc", "repro", "train@tiny-1"]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    subprocess.run(dvc, check=True, capture_output=True, env={"PATH": path, "TRAINED": "no/such"})
    assert len(trained()) == 3


@pytest.mark.slow
def test_a_training_that_ends_badly(try_: Try):
    with pytest.raises(UserError) as caught:
        try_("models.tiny.train.epochs=13")
    assert str(caught.value) == (
        "train@tiny-0: did not end; what it saved stays, and the same command goes on from it"
    )
    assert not TRIALS.exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["models.tiny.train.epoch=4"],
            "SET: unknown key 'models.tiny.train.epoch'; the nearest valid one is 'epochs'",
        ),
        (
            ["modles.tiny.train.epochs=4"],
            "SET: unknown key 'modles'; the nearest valid one is 'models'",
        ),
        (
            ["models.tin.train.epochs=4"],
            "params.yaml: models: no 'tin'; the nearest valid one is 'tiny'",
        ),
        (
            ["split.seed=4"],
            "SET: split.seed: the fold would hold out other essays than params.yaml's",
        ),
        (
            ["ensemble.ridge=0.1"],
            "SET: ensemble.ridge: no fold's training depends on it; use `make compare`",
        ),
        (["models.tiny.train.epochs=8"], "SET: params.yaml has all of it already"),
        (
            ["models.tiny.train.epochs=4", "--fold=2"],
            "FOLD: expected one below split.n_folds (2), found 2",
        ),
        (
            ["models.tiny.train.epochs=4", "--model=small"],
            "params.yaml: models: no 'small'; the nearest valid one is 'tiny'",
        ),
        (
            ["compute.platform=tpu"],
            "SET: compute.platform: tpu, but the installed build of JAX is for cpu; `make venv "
            "ACCELERATOR=tpu` installs the other, or set compute.platform: cpu",
        ),
    ],
)
def test_a_mistake_is_told_before_anything_runs(try_: Try, arguments: list[str], line: str):
    with pytest.raises(UserError) as caught:
        try_(*arguments)
    assert str(caught.value) == line
    assert not Path(TRAINED).exists()


def test_one_try_at_a_time(try_: Try):
    lock = file_lock.take(FOLDER, 0.0)
    assert lock is not None
    with pytest.raises(
        UserError, match=r"^\.cache/try: another try is at work there; wait for it$"
    ):
        try_("models.tiny.train.epochs=4")
    lock.release()


def test_a_source_outside_of_the_project(try_: Try):
    """A relative path would lead elsewhere from the copy."""
    graph = Path("dvc.yaml")
    graph.write_text(graph.read_text().replace("[data/raw]", "[data/raw, ../raw]"))
    with pytest.raises(UserError, match=r"^\.\./raw: lies outside of the project; give its absolu"):
        try_("models.tiny.train.epochs=4")
