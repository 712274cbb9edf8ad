"""Steps that don't fit into memory go on with fewer rows, and nothing counts twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline import devices as machine
from pipeline.encoders.weights.folders import save_fold
from pipeline.errors import UserError
from pipeline.inference.predictor import Predictor
from pipeline.params import Rows
from tests.inference.many import COUNT, tokens
from tests.training import tiny

FULL = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 123456 bytes."


class Room:
    """A machine in whose memory a step of so many rows a device fits, after the first calls."""

    def __init__(self, predictor: Predictor, rows: int, fails: Callable[[], Any], after: int = 0):
        self._step, self._rows, self._fails, self._after = predictor.step, rows, fails, after
        self.seen: list[int] = []
        predictor.step = self

    def __call__(self, params: Any, batch: Any) -> Any:
        self.seen.append(batch.ids.shape[2])
        if batch.ids.shape[2] > self._rows and len(self.seen) > self._after:
            return self._fails()
        return self._step(params, batch)


def by_device() -> None:
    """As a device says it, or the compiler."""
    raise jax.errors.JaxRuntimeError(FULL)


def by_host() -> None:
    """As NumPy says it."""
    raise MemoryError("Unable to allocate 8.00 TiB for an array")


def too_much() -> tuple[jax.Array, jax.Array]:
    """XLA's own error, which comes when the outputs are waited for."""

    def step(share: jax.Array) -> tuple[jax.Array, jax.Array]:
        huge = jnp.cumsum(jnp.ones((2**48,), jnp.uint8) + share[0])
        return huge.sum(), jnp.cumsum(share)

    return jax.pmap(step, devices=jax.devices()[:1])(jnp.ones((1, 3), jnp.uint8))


def predictor(folder: Path, per_step: int, devices: int = 1) -> tuple[Predictor, Any]:
    model = tiny.model(folder)
    there = jax.devices()[:devices]
    rows = Rows(per_step=per_step, length=8, slots=2, pool=100)
    params = machine.replicate(tiny.parameters(model), there)
    return Predictor(model, there, rows), params


def predicted(made: Predictor, params: Any) -> np.ndarray:
    return made.probabilities(params, tokens(), np.arange(COUNT), "tiny fold 0")


@pytest.mark.parametrize("fails", [by_device, by_host, too_much])
def test_a_step_that_does_not_fit_takes_half_the_rows(
    tmp_path: Path, fails: Callable[[], Any], capsys: pytest.CaptureFixture[str]
):
    made, params = predictor(tmp_path, per_step=8)
    room = Room(made, rows=2, fails=fails)
    found = predicted(made, params)
    # A step or two more are under way where the error comes with the outputs.
    assert list(dict.fromkeys(room.seen)) == [8, 4, 2]
    assert room.seen.count(2) == COUNT // 2
    assert made.rows.per_step == 2
    said = capsys.readouterr().out.splitlines()
    assert [line.split(";")[0] for line in said] == [
        "tiny fold 0: out of memory with 8 rows a step, 4 from here on",
        "tiny fold 0: out of memory with 4 rows a step, 2 from here on",
    ]
    np.testing.assert_array_equal(found, predicted(*predictor(tmp_path, per_step=2)))
    np.testing.assert_allclose(found, predicted(*predictor(tmp_path, per_step=8)), rtol=1e-5)
    predicted(made, params)
    assert capsys.readouterr().out == "", "the next fold begins with what fits"


def test_it_goes_on_where_it_stood(tmp_path: Path):
    """Elements reach over windows, so a row that counted twice would move their means."""
    made, params = predictor(tmp_path, per_step=4)
    room = Room(made, rows=2, fails=by_device, after=4)
    found = predicted(made, params)
    # Of four steps one or two are still under way when the fifth fails: they are done anew.
    assert room.seen[:5] == [4] * 5
    assert set(room.seen[5:]) == {2}
    assert 2 < len(room.seen[5:]) < 10
    np.testing.assert_allclose(found, predicted(*predictor(tmp_path, per_step=4)), rtol=1e-5)


def test_every_device_keeps_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    made, params = predictor(tmp_path, per_step=9, devices=3)
    room = Room(made, rows=1, fails=by_device)
    predicted(made, params)
    assert room.seen == [3, *[1] * 7]
    assert made.rows.per_step == 3
    assert "out of memory with 9 rows a step, 3 from here on" in capsys.readouterr().out


def test_one_row_that_does_not_fit_is_one_line(tmp_path: Path):
    made, params = predictor(tmp_path, per_step=2)
    Room(made, rows=0, fails=by_device)
    with pytest.raises(UserError) as error:
        predicted(made, params)
    assert str(error.value) == (
        "tiny fold 0: out of memory with one row of 8 tokens a device, expected a device with more "
        f"memory or shorter rows (length); {FULL}"
    )


def test_weights_that_do_not_fit_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "tokenizer.json").write_text("{}")
    made, params = predictor(tmp_path, per_step=2)
    save_fold(tmp_path / "fold0", jax.device_get(params), made.model, tmp_path, {})
    monkeypatch.setattr(jax, "device_put", lambda *_: by_device())
    with pytest.raises(UserError) as error:
        made.load(tmp_path / "fold0")
    assert str(error.value) == (
        f"{tmp_path / 'fold0'}: out of memory with the weights alone, expected a device with more "
        f"memory; {FULL}"
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "MemoryError"),
        (jax.errors.JaxRuntimeError(f"{FULL}\nBufferAssignment: ..."), FULL),
        (jax.errors.JaxRuntimeError("INTERNAL: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),) * 2,
        (jax.errors.JaxRuntimeError("INTERNAL: Failed to allocate 8 bytes for new constant"),) * 2,
        (jax.errors.JaxRuntimeError("INVALID_ARGUMENT: cuDNN has no such kernel"), None),
    ],
)
def test_errors_that_are_about_memory(error: Exception, reason: object):
    assert machine.short_of_memory(error) == (None if reason is None else str(reason))


def test_other_errors_stay_what_they_are(tmp_path: Path):
    def broken() -> None:
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    made, params = predictor(tmp_path, per_step=8)
    room = Room(made, rows=2, fails=broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"^INTERNAL: something else$"):
        predicted(made, params)
    assert room.seen == [8]
