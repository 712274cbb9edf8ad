"""Small configurations of parameters for the tests of stages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROWS = {"per_step": 8, "length": 64, "slots": 8, "pool": 64}
OPTIMIZER = {
    "backbone_rate": 1e-3,
    "head_rate": 1e-3,
    "layer_decay": 1.0,
    "weight_decay": 0.01,
    "b1": 0.9,
    "b2": 0.999,
    "eps": 1e-8,
    "clip": 1.0,
    "warmup": 0.1,
    "schedule": "linear",
}
MODEL = {
    "encoder": "bert",
    "backbone": {
        "source": "builtin:tiny",
        "revision": None,
        "sha256": None,
        "seed": 1,
        "needs": "data/sample",
    },
    "inputs": {"context": "essay", "window": 64, "overlap": 0},
    "train": {
        "seed": 1,
        "epochs": 1,
        "accumulation": 1,
        "evaluations": 1,
        "rows": ROWS,
        "optimizer": OPTIMIZER,
        "dropout": {"hidden": None, "attention": None, "head": None},
        "label_smoothing": 0.0,
        "remat": "none",
        "attention": "auto",
        "select": "last",
    },
    "predict": ROWS,
}


def write_configuration(
    folds: Sequence[int] = (0, 1, 2),
    models: Sequence[str] = (),
    members: Mapping[str, Mapping[str, str]] | None = None,
    **ensemble: Any,
) -> None:
    """Write params.yaml into the current folder."""
    configuration = {
        "data": {"source": "data/raw"},
        "clean": {"repair_cp1252": True, "plain_spaces": True},
        "split": {"n_folds": 5, "seed": 1},
        "folds": list(folds),
        "compute": {"platform": "cpu", "devices": 1, "dtype": "float32"},
        "session": {"checkpoint_minutes": 10, "stop_after_minutes": None},
        "labels": {"from": "data/clean/train"},
        "baseline": {"max_features": 500, "ngrams": 1, "min_documents": 2, "C": 1.0},
        "models": dict.fromkeys(models, MODEL),
        "members": {name: dict(value) for name, value in (members or {}).items()},
        "ensemble": {"pool": "loglinear", "ridge": 1e-3, "nested_folds": 3, "seed": 1} | ensemble,
    }
    with Path("params.yaml").open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(configuration, stream)
