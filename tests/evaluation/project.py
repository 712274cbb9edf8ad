"""A small project's files, as the stages before evaluation and ensemble leave them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.competition.schema import TYPES
from pipeline.tables.elements import Elements, read_elements
from pipeline.tables.predictions import write_predictions
from pipeline.units import Unit

N_FOLDS = 3
TEST_IDS = [f"t{i}" for i in range(7)]


def write_project(essays: int = 30) -> Elements:
    """Clean tables, folds and the test order, in the current folder."""
    rng = np.random.default_rng(0)
    rows = [
        (f"e{e}_{j}", f"e{e}", TYPES[int(rng.integers(len(TYPES)))], "text", -1, -1, label)
        for e in range(essays)
        for j, label in enumerate(rng.choice(3, 4, p=[0.2, 0.5, 0.3]))
    ]
    _elements("train", rows)
    _elements("test", [(i, "t", TYPES[0], "text", -1, -1, -1) for i in TEST_IDS])
    order = pd.DataFrame({"discourse_id": TEST_IDS[::-1]})
    order.to_parquet(paths.clean("test") / "order.parquet")
    folds = pd.DataFrame({"essay_id": [f"e{e}" for e in range(essays)]})
    folds.assign(fold=np.arange(essays) % N_FOLDS).to_parquet(paths.FOLDS)
    return read_elements()


def predict(elements: Elements, seed: int, skill: float = 1.0) -> np.ndarray:
    """Probabilities that know something of the labels."""
    logits = np.random.default_rng(seed).normal(size=(len(elements), 3))
    logits[np.arange(len(elements)), elements.labels] += skill
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def write_folds(
    model: str, elements: Elements, probabilities: np.ndarray, folds: Sequence[int]
) -> None:
    """What training leaves of `folds`."""
    for fold in folds:
        own = elements.folds == fold
        folder = paths.fold(model, Unit(fold))
        write_predictions(
            folder / "oof.parquet",
            elements.select(own).element_ids[::-1],
            elements.folds[own],
            probabilities[own][::-1],
        )
        text = f"step,epoch,series,loss\n1,0.5,train,1.{fold}\n2,1.0,validation,0.{fold}\n"
        (folder / "history.csv").write_text(text)


def write_member(
    name: str, elements: Elements, probabilities: np.ndarray, folds: Sequence[int]
) -> None:
    """A member's tables; of the test set each fold predicts something else."""
    own = np.isin(elements.folds, list(folds))
    chosen = elements.select(own)
    write_predictions(paths.oof(name), chosen.element_ids, chosen.folds, probabilities[own])
    rng = np.random.default_rng(len(name))
    write_predictions(
        paths.test(name),
        TEST_IDS * len(folds),
        np.repeat(np.array(folds), len(TEST_IDS)),
        rng.dirichlet(np.ones(3), len(TEST_IDS) * len(folds)),
    )


def _elements(split: str, rows: Sequence[tuple]) -> None:
    names = ["discourse_id", "essay_id", "discourse_type", "discourse_text", "start", "end"]
    folder = Path(paths.clean(split))
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows, columns=[*names, "label"]).astype({"label": "int8"})
    table.to_parquet(folder / "elements.parquet")
