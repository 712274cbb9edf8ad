"""The one object that predicts, against each window alone by the model itself."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from pipeline import devices as machine
from pipeline.encoders.head import TokenClassifier
from pipeline.encoders.weights.folders import save_fold
from pipeline.errors import UserError
from pipeline.inference.predictor import Predictor
from pipeline.inputs.tokens import Tokens, tokens_of
from pipeline.params import Predict
from tests.inference.windows import ELEMENTS, WINDOWS, batch
from tests.training import tiny

ROWS = Predict(per_step=2, length=8, slots=3, pool=10)
COMPILED = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def model(tmp_path: Path) -> TokenClassifier:
    return tiny.model(tmp_path)


@pytest.fixture
def tokens() -> Tokens:
    return tokens_of([batch()], ELEMENTS)


@pytest.fixture
def compilations() -> Iterator[list[str]]:
    """A list that grows with every program that XLA compiles, or finds compiled."""
    found: list[str] = []

    def listen(event: str, duration: float, **more: str | int) -> None:
        if event == COMPILED:
            found.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield found
    jax.monitoring.unregister_event_duration_listener(listen)


def _alone(model: TokenClassifier, params: object, windows: list[int]) -> np.ndarray:
    """The softmax of each element's mean logits, from windows without packing or padding."""
    logits: dict[int, list[np.ndarray]] = {}
    for window in (WINDOWS[i] for i in windows):
        ids = jnp.array([window["input_ids"]], jnp.int32)
        position = jnp.arange(ids.shape[1])[None]
        found = model.apply({"params": params}, ids, jnp.ones_like(ids), position, None)
        for token, slot in zip(np.asarray(found)[0], window["slot"], strict=True):  # type: ignore[call-overload]
            if slot >= 0:
                logits.setdefault(window["element"][slot], []).append(token)
    out = np.full((len(ELEMENTS), 3), np.nan)
    for element, own in logits.items():
        out[element] = softmax(np.mean(own, axis=0))
    return out


@pytest.mark.parametrize(("devices", "per_step"), [(1, 2), (2, 2), (3, 3), (8, 8)])
def test_an_element_is_the_mean_over_its_tokens_in_all_windows(
    model: TokenClassifier, tokens: Tokens, devices: int, per_step: int
):
    predictor = Predictor(model, jax.devices()[:devices], ROWS)
    assert predictor.rows.per_step == per_step, "the next multiple of the devices"
    params = tiny.parameters(model)
    replicated = machine.replicate(params, jax.devices()[:devices])
    found = predictor.probabilities(replicated, tokens, np.arange(4), "all")
    np.testing.assert_allclose(found, _alone(model, params, [0, 1, 2, 3]), rtol=1e-5)


def test_elements_of_other_windows_are_no_numbers(model: TokenClassifier, tokens: Tokens):
    predictor = Predictor(model, jax.devices()[:1], ROWS)
    params = tiny.parameters(model)
    replicated = machine.replicate(params, jax.devices()[:1])
    found = predictor.probabilities(replicated, tokens, np.array([1, 3]), "some")
    assert np.isnan(found[[0, 2, 3]]).all()
    np.testing.assert_allclose(found, _alone(model, params, [1, 3]), rtol=1e-5)


def test_all_folds_share_one_compilation(
    model: TokenClassifier, tokens: Tokens, tmp_path: Path, compilations: list[str]
):
    (tmp_path / "tokenizer.json").write_text("{}")
    first = tiny.parameters(model)
    folds = [first, jax.tree.map(lambda leaf: 2 * leaf, first), first]
    for fold, params in enumerate(folds):
        save_fold(tmp_path / f"fold{fold}", jax.device_get(params), model, tmp_path, {})
    predictor = Predictor(model, jax.devices()[:2], ROWS)
    found = []
    for fold in range(3):
        params = predictor.load(tmp_path / f"fold{fold}")
        before = len(compilations)
        found.append(predictor.probabilities(params, tokens, np.arange(4), "fold"))
        assert len(compilations) - before == (fold == 0)
    assert np.abs(found[0] - found[1]).max() > 0.01
    assert np.array_equal(found[0], found[2])


def test_what_is_not_finite_is_an_error_or_no_number(model: TokenClassifier, tokens: Tokens):
    predictor = Predictor(model, jax.devices()[:1], ROWS)
    params = tiny.parameters(model)
    params["classifier"]["bias"] = np.full(3, np.nan, np.float32)
    replicated = machine.replicate(params, jax.devices()[:1])
    with pytest.raises(UserError, match=r"^fold: a logit is not finite$"):
        predictor.probabilities(replicated, tokens, np.arange(4), "fold")
    found = predictor.probabilities(replicated, tokens, np.arange(4), "fold", finite=False)
    assert np.isnan(found).all()


def test_a_folder_is_computed_as_the_platform_does_best(model: TokenClassifier, tmp_path: Path):
    backend = machine.Backend(jax.devices()[:2], "cpu")
    halves = Predict(per_step=2, length=8, slots=3, pool=10, dtype="bfloat16")
    settings = Predictor.of_folder(tmp_path, "bert", halves, backend).model.encoder.settings  # type: ignore[attr-defined]
    assert (settings.attention, settings.dtype) == ("blocked", "float32")


def test_how_many_steps_some_windows_take(
    model: TokenClassifier, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
):
    """Rows hold 8 tokens: windows of 5 and 3 share one, those of 6 and 2 another."""
    one = Predictor(model, jax.devices()[:1], dataclasses.replace(ROWS, per_step=1))
    assert one.steps(tokens, np.arange(4)) == 2
    assert one.steps(tokens, np.array([0, 2])) == 2
    assert one.steps(tokens, np.array([3])) == 1
