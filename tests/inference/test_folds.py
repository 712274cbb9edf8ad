"""The predict stage: on what is there, whatever the folds were trained on, and it says so."""

import dataclasses
import shutil
from pathlib import Path

import datasets
import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import paths
from pipeline.competition.schema import TASK
from pipeline.encoders.weights.folders import save_fold
from pipeline.errors import UserError
from pipeline.inference.folds import predict_folds
from pipeline.inputs.windowing import window_columns
from pipeline.params import Predict
from pipeline.units import NO_FOLD, Unit, units
from tests.inference.windows import ELEMENTS, rows
from tests.training import tiny

ROWS = Predict(per_step=2, length=8, slots=3, pool=10, dtype="bfloat16")
WINDOWS = paths.tokens("small", "test")


@pytest.fixture
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's test tokens, and two folds that a TPU and a CPU trained."""
    monkeypatch.chdir(tmp_path)
    features = datasets.Features.from_arrow_schema(window_columns(TASK))
    datasets.Dataset.from_list(rows(), features=features).save_to_disk(WINDOWS)
    index = {TASK.id_column: ELEMENTS, TASK.essay_column: ELEMENTS}
    pq.write_table(pa.table(index), WINDOWS / "elements.parquet")
    Path("backbone").mkdir()
    model = tiny.model(Path("backbone"))
    params = jax.device_get(tiny.parameters(model))
    for fold, (platform, dtype) in enumerate([("tpu", "bfloat16"), ("cpu", "float32")]):
        trained = {"platform": platform, "dtype": dtype}
        save_fold(paths.weights("small", Unit(fold)), params, model, Path("backbone"), trained)


@pytest.mark.usefixtures("_project")
def test_folds_trained_elsewhere_predict_here():
    made = predict_folds("small", "bert", ROWS, units([0, 1], []), WINDOWS)
    assert made.element_ids == ELEMENTS
    assert made.computed == f"{jax.device_count()} cpu device(s) in float32"
    assert made.trained == "cpu in float32 and tpu in bfloat16"
    found = made.rows
    assert found.element_ids == [*ELEMENTS, *ELEMENTS]
    assert found.folds.tolist() == [0] * 5 + [1] * 5
    assert found.probabilities[:5].tolist() == found.probabilities[5:].tolist()


@pytest.mark.usefixtures("_project")
def test_a_fold_under_two_seeds_is_their_mean():
    """By each seed alone, which `predict` has no way to; a table has a row for each fold still."""
    model = tiny.model(Path("backbone"))
    alone = {}
    for seed, unit in enumerate(units([0, 1], [9])):
        params = jax.device_get(tiny.parameters(model, seed))
        shutil.rmtree(paths.weights("small"), ignore_errors=True)
        trained = {"platform": "cpu", "dtype": "float32"}
        save_fold(paths.weights("small", unit), params, model, Path("backbone"), trained)
        made = predict_folds("small", "bert", ROWS, [unit], WINDOWS)
        alone[unit] = (params, made.rows.probabilities)
    for unit, (params, _) in alone.items():
        save_fold(paths.weights("small", unit), params, model, Path("backbone"), trained)
    found = predict_folds("small", "bert", ROWS, units([0, 1], [9]), WINDOWS).rows
    assert found.folds.tolist() == [0] * 5 + [1] * 5
    for fold, mean in enumerate(np.split(found.probabilities, 2)):
        one, other = alone[Unit(fold)][1], alone[Unit(fold, 9)][1]
        assert not np.allclose(one, other, atol=1e-4)
        np.testing.assert_allclose(mean, (one + other) / 2, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("_project")
@pytest.mark.parametrize("alone", [False, True])
def test_a_full_fit_predicts_beside_the_folds_or_alone(*, alone: bool):
    model = tiny.model(Path("backbone"))
    params = jax.device_get(tiny.parameters(model, 5))
    trained = {"platform": "gpu", "dtype": "float32"}
    full = Unit(NO_FOLD)
    save_fold(paths.weights("small", full), params, model, Path("backbone"), trained)
    settings = dataclasses.replace(ROWS, full_alone=alone)
    made = predict_folds("small", "bert", settings, units([0, 1], [], full=True), WINDOWS)
    found = made.rows
    own = found.folds == NO_FOLD
    if alone:
        assert found.folds.tolist() == [NO_FOLD] * 5
        assert (made.by, made.trained) == ("full fit", "gpu in float32")
    else:
        assert found.folds.tolist() == [0] * 5 + [1] * 5 + [NO_FOLD] * 5
        assert made.by == "every fold and full fit"
    # By the weights of another folder, which is all that a fold is to `predict`.
    shutil.rmtree(paths.weights("small"))
    save_fold(paths.weights("small", Unit(0)), params, model, Path("backbone"), trained)
    again = predict_folds("small", "bert", ROWS, [Unit(0)], WINDOWS)
    expected = again.rows.probabilities
    np.testing.assert_array_equal(found.probabilities[own], expected)
    if not alone:
        assert not np.allclose(found.probabilities[~own][:5], expected, atol=1e-4)


@pytest.mark.usefixtures("_project")
def test_it_says_the_dtype_that_it_computed_in():
    settings = Predict(per_step=2, length=8, slots=3, pool=10, dtype="float16")
    made = predict_folds("small", "bert", settings, units([0, 1], []), WINDOWS)
    assert made.computed == f"{jax.device_count()} cpu device(s) in float16"


@pytest.mark.usefixtures("_project")
def test_a_fold_that_is_missing_or_left_over_is_told():
    with pytest.raises(UserError, match=r"fold1 is not in params.yaml; `make prune`"):
        predict_folds("small", "bert", ROWS, units([0], []), WINDOWS)
    with pytest.raises(UserError, match=r"expected full too, found fold0, fold1$"):
        predict_folds("small", "bert", ROWS, units([0, 1], [], full=True), WINDOWS)
    shutil.rmtree(paths.weights("small", Unit(1)))
    with pytest.raises(UserError, match=r"expected fold1 too, found fold0$"):
        predict_folds("small", "bert", ROWS, units([0, 1], []), WINDOWS)
