"""The cost of float16, on a small finished graph."""

import json
from pathlib import Path

import jax
import pytest

from bench.float16 import cost
from pipeline import devices as machine
from pipeline.configuration import load_configuration
from tests.bundle.graph import MODEL


def test_it_is_the_graph_s_own_loss_but_for_rounding(
    finished: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(finished)
    found = cost(load_configuration(), MODEL, machine.Backend(jax.devices()[:1], "cpu"))
    graph = json.loads(Path(f"metrics/{MODEL}.json").read_text())["log_loss"]
    assert found.whole == pytest.approx(graph, abs=1e-5)
    assert 0 < abs(found.half - found.whole) < 2e-3
    assert 0 < found.largest < 0.01
    assert found.dtype == "float16"
