"""A full fit in the bundle: beside the folds as one further of them, or in their place."""

import csv
import json
import time
from pathlib import Path

import numpy as np
import pytest

from commands import bundle as stage
from pipeline import paths
from pipeline.bundle.infer import infer
from pipeline.bundle.time_limit import Clock, turns
from pipeline.units import NO_FOLD, Unit, units
from stages import ensemble, evaluate
from stages import predict as predict_stage
from tests.bundle.graph import MODEL, UNITS, draw_weights, edit_configuration, write_lock

# The graph's folds are trained under a further seed, and so is its full fit.
FULL = [Unit(NO_FOLD), Unit(NO_FOLD, 9)]


def _read(path: Path) -> np.ndarray:
    with path.open(newline="") as stream:
        return np.array([row[1:] for row in list(csv.reader(stream))[1:]], float)


def _infer(competition: Path) -> np.ndarray:
    output = Path("output")
    output.mkdir()
    infer(paths.bundle(), competition, output, Clock(time.time(), 1e6))
    return _read(output / "submission.csv")


@pytest.mark.parametrize(("alone", "dtype"), [(False, "float32"), (True, "float16")])
def test_it_ends_in_the_graph_s_own_submission(
    graph: Path, competition: Path, *, alone: bool, dtype: str
) -> None:
    folds, weights = _read(Path("submission.csv")), (paths.ENSEMBLE / "weights.json").read_bytes()
    edit_configuration(full=[MODEL], models={MODEL: {"predict": {"full_alone": alone}}})
    for number, unit in enumerate(FULL):
        draw_weights(unit, 20 + number)
    for one in (predict_stage, evaluate):
        one.main(["--model", MODEL])
    ensemble.main([])
    assert (paths.ENSEMBLE / "weights.json").read_bytes() == weights
    write_lock([paths.weights(MODEL, unit) for unit in FULL])
    stage.main(["--dtype", dtype])
    packed = {path.name for path in (paths.bundle() / "models" / MODEL).iterdir() if path.is_dir()}
    assert packed == {unit.name for unit in (FULL if alone else [*UNITS, *FULL])}
    found, expected = _infer(competition), _read(Path("submission.csv"))
    np.testing.assert_allclose(found, expected, atol=1e-6 if dtype == "float32" else 5e-3)
    assert np.abs(expected - folds).max() > 2e-2
    told = json.loads(Path("output/inference.json").read_text())
    assert told["folds"] == {MODEL: 2 if alone else 6}
    assert told["forecast"]["folds"] == told["folds"]


def test_models_take_turns_whether_or_not_they_have_a_full_fit() -> None:
    full, folds = units([0, 1], [], full=True), units([0, 1], [])
    seconds = {"slow": 3.0, "quick": 1.0, "alone": 2.0}
    trained = {"slow": folds, "quick": full, "alone": full[-1:]}
    assert [(str(unit), name) for unit, name in turns(seconds, trained)] == [
        ("0", "quick"),
        ("full", "alone"),
        ("0", "slow"),
        ("1", "quick"),
        ("1", "slow"),
        ("full", "quick"),
    ]
