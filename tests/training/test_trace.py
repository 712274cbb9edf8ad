"""A trace of a few steps holds the step's name, and is written once."""

import gzip
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from pipeline.errors import UserError
from pipeline.training.trace import Trace


@jax.jit
def step_to_be_traced(x: jax.Array) -> jax.Array:
    return (x @ x).sum()


def test_a_trace_has_the_step_that_ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = Trace(tmp_path, 12)
    for n in range(1, 13):
        step_to_be_traced(jnp.ones((64, 64))).block_until_ready()
        trace.done(n)
    (path,) = tmp_path.rglob("perfetto_trace.json.gz")
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    calls = [event for event in events if "step_to_be_traced" in str(event.get("name"))]
    assert calls
    assert f"profile of 5 steps: {path}, for ui.perfetto.dev" in capsys.readouterr().out
    assert len(list(tmp_path.rglob("*.xplane.pb"))) == 1


def test_without_a_folder_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jax.profiler.start_trace", lambda *_, **__: pytest.fail("a trace"))
    trace = Trace(None, 1)
    for n in range(1, 13):
        trace.done(n)


def test_too_few_steps_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a profile takes 10 steps, .* found 9"):
        Trace(tmp_path, 9)
