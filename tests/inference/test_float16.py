"""Activations in float16, and float32 in their place where a number is too large for them."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from pipeline import devices as machine
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.inference.predictor import Predictor
from pipeline.params import Predict
from tests.configurations import section
from tests.inference.many import COUNT, tokens
from tests.training import tiny

EPSILON = 2.0**-10


def predictor(folder: Path, dtype: str) -> Predictor:
    """The tiny model with ReLU, so that a factor goes through its feed-forward layers."""
    write_json(folder / "config.json", tiny.CONFIG | {"hidden_act": "relu"})
    rows = section(Predict, per_step=4, length=8, slots=2, pool=100, dtype=dtype)
    return Predictor.of_folder(folder, "bert", rows, machine.Backend(jax.devices()[:1], "cpu"))


def inner(params: Any, factor: float) -> Any:
    """Feed-forward layers whose inner activations are so many times as large, and do the same."""
    layers = params["encoder"]["layers"]
    grown = {name: layers[name] for name in layers}
    grown["intermediate"] = jax.tree.map(lambda leaf: leaf * factor, layers["intermediate"])
    kernel, bias = layers["output"]["kernel"], layers["output"]["bias"]
    grown["output"] = {"kernel": kernel / factor, "bias": bias}
    return params | {"encoder": params["encoder"] | {"layers": grown}}


def predicted(made: Predictor, params: Any, finite: bool = True) -> np.ndarray:
    params = machine.replicate(params, jax.devices()[:1])
    return made.probabilities(params, tokens(), np.arange(COUNT), "tiny fold 0", finite)


@pytest.mark.slow
def test_float16_predicts_as_float32_but_for_rounding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    half, whole = predictor(tmp_path, "float16"), predictor(tmp_path, "float32")
    params = inner(tiny.parameters(half.model), 2.0**10)
    found, expected = predicted(half, params), predicted(whole, params)
    assert 0 < np.abs(found - expected).max() < 4 * EPSILON
    assert (half.dtype, whole.dtype) == ("float16", "float32")
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_what_is_too_large_for_float16_is_computed_in_float32_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    half, whole = predictor(tmp_path, "float16"), predictor(tmp_path, "float32")
    params = tiny.parameters(half.model)
    large = inner(params, 2.0**20)
    expected = predicted(whole, large)
    np.testing.assert_array_equal(predicted(half, large), expected)
    assert half.dtype == half.model.encoder.settings.dtype == "float32"  # type: ignore[attr-defined]
    assert capsys.readouterr().out == (
        "tiny fold 0: a logit is not finite in float16, float32 from here on\n"
    )
    np.testing.assert_array_equal(predicted(half, params), predicted(whole, params))
    assert capsys.readouterr().out == "", "the next fold begins in float32"


@pytest.mark.slow
def test_what_is_finite_in_no_dtype_is_an_error_or_no_number(tmp_path: Path):
    made = predictor(tmp_path, "float16")
    params = tiny.parameters(made.model)
    params["classifier"]["bias"] = np.full(3, np.nan, np.float32)
    assert np.isnan(predicted(made, params, finite=False)).all()
    with pytest.raises(UserError, match=r"^tiny fold 0: a logit is not finite$"):
        predicted(made, params)
