"""The very file of `recipes/gold.yaml`, its encoders swapped for builtin ones and cut short.

What is cut: folds to two, further seeds to one, lengths, epochs, the machine. What is kept: every
stage, and what each of them is made from.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.recipes import compose
from tests.configurations import RECIPES, changed, text
from tests.contract.project import ROOT, few_essays, run_module, without_git

pytestmark = pytest.mark.slow

ROWS = {"per_step": 8, "length": 128}
SHORT = {"rows": ROWS | {"slots": 32}, "epochs": 1, "evaluations": 1}
BUILTIN = {"deberta": "builtin:tiny-deberta", "modernbert": "builtin:tiny"}
SENTENCES = "Schools should start later. Some say that buses are dear; others that sleep is."


def cut(tree: dict[str, Any]) -> dict[str, Any]:
    """The recipe for two minutes of a CPU."""
    short: dict[str, Any] = {
        "data": {"source": "data/sample"},
        "split": {"n_folds": 2},
        "folds": [0, 1],
        "seeds": [2],
        "compute": {"platform": "cpu", "devices": 2, "dtype": "float32"},
        "baseline": {"max_features": 500, "min_documents": 2, "scores": {"terms": 200}},
        "ensemble": {"nested_folds": 3, "stacker": {"rounds": 5, "rows_per_leaf": 5}},
    }
    made = changed(tree, short)
    for name, model in made["models"].items():
        source = model["backbone"]["source"]
        model |= {"inputs": {**model["inputs"], "window": 128, "overlap": 16}}
        model |= {
            "train": changed(model["train"], SHORT),
            "predict": changed(model["predict"], ROWS | {"slots": 32, "dtype": "float32"}),
        }
        if not source.startswith("data/pretrained"):
            own = {"source": BUILTIN[model["encoder"]], "needs": "data/sample"}
            model["backbone"] = {"seed": model["backbone"]["seed"]} | own
        # There is no builtin ModernBERT.
        model["encoder"] = "bert" if name == "modernbert" else model["encoder"]
    own = {"window": 128, "train": changed(SHORT, {"rows": {"slots": 128}})}
    made["pretrain"] = {key: changed(one, own) for key, one in made["pretrain"].items()}
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished graph."""
    tree = YAML(typ="safe", pure=True).load(compose(RECIPES / "gold.yaml", RECIPES).text)
    folder = without_git(tmp_path_factory.mktemp("gold") / "project", text(cut(tree)))
    few_essays(ROOT / "data/sample", folder / "data/sample", train=40, test=6)
    (folder / "data/unlabelled").mkdir()
    for number in range(4):
        (folder / f"data/unlabelled/{number}.txt").write_text(f"Text {number}. {SENTENCES}")
    # Essays of the test may be among the unlabelled ones.
    source, more = folder / "data/sample", folder / "data/more"
    shutil.copytree(source / "test", more / "test")
    shutil.copy(source / "test.csv", more)
    said = run_module(folder, "dvc", "repro")
    (folder / "said").write_text(said)
    return folder


def test_every_stage_ran(folder: Path):
    ran = set(re.findall(r"Running stage '([^']+)'", (folder / "said").read_text()))
    models = ("deberta", "deberta_mlm", "deberta_soft", "modernbert")
    full = ("deberta_soft", "modernbert")
    assert ran == {
        *("code", "validate", "split", "baseline", "ensemble", "report"),
        *("pretrain@essays", "unlabelled@deberta_soft", "teach@deberta_soft"),
        *(f"{stage}@{m}" for m in models for stage in ("backbone", "tokenize", "predict")),
        *(f"evaluate@{m}" for m in models),
        *(f"train@{m}-{fold}" for m in models for fold in (0, 1)),
        *(f"reseed@{m}-{fold}-2" for m in models for fold in (0, 1)),
        *(f"fit@{m}" for m in full),
        *(f"refit@{m}-2" for m in full),
    }


def test_each_part_is_in_the_result(folder: Path):
    found = json.loads((folder / "artifacts/ensemble/weights.json").read_text())
    members = {"baseline", "deberta", "deberta_mlm", "deberta_soft", "modernbert"}
    assert found["alone"].keys() == found["earned"].keys() == members
    assert "stacker" in found
    assert not found["partial"]
    tests = pd.read_parquet(folder / "artifacts/test/modernbert.parquet")
    assert sorted(set(tests["fold"])) == [-1, 0, 1]
    origin = json.loads((folder / "data/backbones/deberta_soft/origin.json").read_text())
    assert origin["source"] == "data/pretrained/essays"
    soft = folder / "data/tokens/deberta_soft/train/soft"
    for fold in (0, 1):
        note = json.loads((soft / f"fold{fold}.json").read_text())
        oof = pd.read_parquet(folder / f"artifacts/folds/deberta_soft/fold{fold}/oof.parquet")
        elements = pd.read_parquet(folder / "data/clean/train/elements.parquet")
        held = elements.set_index("discourse_id").loc[oof["discourse_id"], "essay_id"]
        assert (note["teacher"], set(note["held_out"])) == ("deberta_mlm", set(held))
    rows = pd.read_csv(folder / "submission.csv").set_index("discourse_id")
    assert len(rows) == len(pd.read_csv(folder / "data/sample/test.csv"))
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=3e-8)


def test_nothing_is_left_to_do(folder: Path):
    assert "Running stage" not in run_module(folder, "dvc", "repro")
