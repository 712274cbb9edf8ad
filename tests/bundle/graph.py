"""A small finished graph, made by the stages themselves but for training: its weights are drawn."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import unflatten_dict
from ruamel.yaml import YAML

from pipeline import devices as machine
from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.encoders.config import Settings
from pipeline.encoders.head import build
from pipeline.encoders.weights.folders import draw_all, parameter_shapes, save_fold
from pipeline.graph.locked_outputs import md5
from pipeline.inference.predictor import Predictor
from pipeline.inputs.tokens import FILES, read_tokens
from pipeline.tables.essay_folds import held_out
from pipeline.tables.predictions import write_predictions
from pipeline.units import Unit, units
from stages import backbone, baseline, ensemble, evaluate, split, tokenize, topics, validate
from stages import predict as predict_stage
from tests.configurations import SMALL, changed, write
from tests.contract.project import ROOT, few_essays

MODEL, UNITS, TOPICS = "small", units([0, 1], [9]), "about"
_WITH_TOPICS = {
    "topics": {TOPICS: {"count": 3, "words": 2, "seed": 1}},
    "models": {MODEL: {"inputs": {"topic": TOPICS}}},
}


def edit_configuration(**sections: Any) -> None:
    """Write params.yaml with other values in some sections."""
    base = changed(SMALL, {"seeds": [9], "compute": {"devices": "auto"}} | _WITH_TOPICS)
    write(changed(base, sections))


def make_graph(folder: Path) -> None:
    """Every stage of the small configuration on a few essays; dvc.lock as DVC would leave it."""
    few_essays(ROOT / "data/sample", folder / "data/sample", train=24, test=5)
    os.chdir(folder)
    for name in ("pyproject.toml", "README.md", "LICENSE", "pipeline", "stages"):
        Path(name).symlink_to(ROOT / name)
    edit_configuration()
    for stage in (validate, split, baseline):
        stage.main([])
    topics.main(["--topic", TOPICS])
    for stage in (backbone, tokenize):
        stage.main(["--model", MODEL])
    for number, unit in enumerate(UNITS):
        draw_weights(unit, 10 + number)
        _predict_fold(unit)
    for stage in (predict_stage, evaluate):
        stage.main(["--model", MODEL])
    ensemble.main([])
    write_lock()


def outputs() -> list[Path]:
    """What a bundle takes from the graph."""
    weights = [paths.weights(MODEL, unit) for unit in UNITS]
    tables = [paths.oof("baseline"), paths.oof(MODEL)]
    elements = [paths.clean("train"), paths.FOLDS]
    figures = paths.metrics("ensemble")
    return [
        paths.topics(TOPICS),
        *weights,
        *tables,
        paths.BASELINE,
        *elements,
        *(paths.tokens(MODEL, "train") / file for file in FILES),
        figures,
    ]


def write_lock(extra: Sequence[Path] = ()) -> None:
    """A lock in DVC's form, with one stage for each output."""
    stages = {
        f"stage@{i}": {
            "params": {"params.yaml": {"baseline.C": 1.0}},
            "outs": [{"path": path.as_posix(), "hash": "md5", "md5": md5(path)}],
        }
        for i, path in enumerate([*outputs(), *extra])
    }
    with Path("dvc.lock").open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump({"schema": "2.0", "stages": stages}, stream)


def draw_weights(unit: Unit, seed: int) -> None:
    """Weights of a fold or a full fit from a seed, and its learning curve."""
    source = paths.backbone(MODEL)
    model = build(source, "bert", Settings(attention="blocked"))
    leaves = draw_all(parameter_shapes(model), 0.2, seed)
    tree = unflatten_dict({tuple(path.split("/")): leaf for path, leaf in leaves.items()})
    trained = {"platform": "cpu", "dtype": "float32"}
    save_fold(paths.weights(MODEL, unit), tree, model, source, trained)
    paths.fold(MODEL, unit).mkdir(parents=True)
    (paths.fold(MODEL, unit) / "history.csv").write_text("step,epoch,series,loss\n")


def _predict_fold(unit: Unit) -> None:
    """What training leaves beside a fold's weights: predictions of its own essays."""
    configuration = load_configuration()
    tokens = read_tokens(paths.tokens(MODEL, "train"))
    windows = np.flatnonzero(held_out(tokens.essay_ids, unit.fold))
    settings = configuration.read(f"models.{MODEL}.predict", params.Predict)
    backend = machine.start_best()
    predictor = Predictor.of_folder(paths.weights(MODEL, unit), "bert", settings, backend)
    weights = predictor.load(paths.weights(MODEL, unit))
    made = predictor.probabilities(weights, tokens, windows, "")
    own = np.flatnonzero(np.isfinite(made[:, 0]))
    write_predictions(
        paths.fold(MODEL, unit) / "oof.parquet",
        [tokens.element_ids[i] for i in own],
        np.full(len(own), unit.fold),
        made[own],
    )
