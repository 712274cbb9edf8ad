"""A small finished run, planted: what its stages left, in the current folder."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import params, paths
from pipeline.competition.schema import TYPES
from pipeline.evaluation.ensemble import ensemble
from pipeline.evaluation.evaluate import evaluate
from pipeline.files import write_json
from pipeline.tables.elements import Elements, read_elements
from pipeline.units import units
from tests.configurations import section, write_members
from tests.contract.project import ROOT
from tests.evaluation.project import predict, write_folds, write_member

FOLDS = [0, 1, 2]
HOSTILE = '<script>alert("essay")</script> & <b>bold</b>'


def write_run(essays: int = 30, model: str = "m") -> Elements:
    """Write clean tables, folds, two members, the blend, code records; the default recipe too."""
    rng = np.random.default_rng(0)
    write_members(models=[model])
    elements, texts = [], []
    for e in range(essays):
        text = f"Essay {e}. "
        for j, label in enumerate(rng.choice(3, 4, p=[0.2, 0.5, 0.3])):
            own = f"{HOSTILE} element {j} of essay {e}."
            start = len(text)
            text += f"{own} So. "
            kind = TYPES[int(rng.integers(len(TYPES)))]
            span = (-1, -1) if (e, j) == (0, 3) else (start, start + len(own))
            elements.append((f"e{e}_{j}", f"e{e}", kind, own, *span, label))
        texts.append((f"e{e}", text))
    _tables(elements, texts)
    folds = pd.DataFrame({"essay_id": [f"e{e}" for e in range(essays)]})
    folds.assign(fold=np.arange(essays) % len(FOLDS)).to_parquet(paths.FOLDS)
    made = read_elements()
    for seed, name in enumerate(("baseline", model)):
        rows = predict(made, seed)
        write_member(name, made, rows, FOLDS)
        if name == model:
            write_folds(model, made, rows, FOLDS)
            write_history(model, FOLDS)
            evaluate(model, units(FOLDS, []), made)
    settings = section(params.Ensemble, nested_folds=3, seed=1)
    ensemble(settings, ["baseline", model], FOLDS, made)
    write_json(paths.code("train"), {"code": "train", "sha256": "ab" * 32})
    write_timing(model)
    shutil.copytree(ROOT / ".dvc/plots", ".dvc/plots")
    shutil.copytree(ROOT / "recipes", "recipes")
    return made


def write_history(model: str, folds: Sequence[int], held_out: float = 0.8) -> None:
    """Write learning curves of two epochs that end in 0.7 in training."""
    for fold in folds:
        points = [(n, n / 4, "train", 1.1 - 0.05 * n) for n in range(1, 9)]
        points += [(n, n / 4, "gradient", 3.0 - 0.25 * n + fold) for n in range(1, 9)]
        points += [(4, 1.0, "validation", held_out + 0.1), (8, 2.0, "validation", held_out)]
        table = pd.DataFrame(points, columns=["step", "epoch", "series", "loss"])
        table.to_csv(paths.fold(model) / f"fold{fold}/history.csv", index=False)


def write_timing(model: str, seconds: float = 12.5) -> None:
    """Write wall-clock figures of fold 0 alone."""
    figures = {
        "platform": "cpu", "devices": 2, "device_kind": "planted <device>", "machine": "x86_64",
        "jax": "0.9.9", "seconds": seconds, "first_step_seconds": 1.0,
        "tokens_per_second": 1234.5, "resumed_from": 0, "peak_host_megabytes": 700,
    }  # fmt: skip
    write_json(paths.timing(model, units([0], [])[0]), figures)


def _tables(elements: Sequence[tuple], texts: Sequence[tuple[str, str]]) -> None:
    names = ["discourse_id", "essay_id", "discourse_type", "discourse_text", "start", "end"]
    kinds = {"start": "int32", "end": "int32", "label": "int8"}
    for split in paths.SPLITS:
        folder: Path = paths.clean(split)
        folder.mkdir(parents=True)
        table = pd.DataFrame(elements, columns=[*names, "label"]).astype(kinds)
        table.to_parquet(folder / "elements.parquet")
        pd.DataFrame(texts, columns=["essay_id", "text"]).to_parquet(folder / "essays.parquet")
    split = {
        "essays": len(texts), "elements": len(elements), "types": dict.fromkeys(TYPES, 1),
        "labels": {"Ineffective": 1, "Adequate": 2, "Effective": 3}, "not_found": ["e0_3"],
        "out_of_order": 0, "told_apart_by_row_order": 0, "unused_columns": [],
        "oddities": {"placeholders": 4711},
    }  # fmt: skip
    test = {key: value for key, value in split.items() if key != "labels"}
    write_json(paths.CLEAN_REPORT, {"train": split, "test": test})
