"""The kernel takes the best platform that there is; a dtype that it has not got becomes float32."""

from types import SimpleNamespace

import jax
import pytest

from pipeline import devices as machine
from pipeline.params import Compute


@pytest.mark.parametrize(
    ("platform", "capability", "asked", "dtype"),
    [
        ("tpu", None, "bfloat16", "bfloat16"),
        ("gpu", "8.0", "bfloat16", "bfloat16"),
        ("gpu", "7.5", "bfloat16", "float32"),  # a T4
        ("gpu", "8.0", "float32", "float32"),
        ("cpu", None, "bfloat16", "float32"),
    ],
)
def test_what_is_there_is_taken(
    platform: str,
    capability: str | None,
    asked: str,
    dtype: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields = {} if capability is None else {"compute_capability": capability}
    there = [SimpleNamespace(platform=platform, **fields) for _ in range(2)]
    monkeypatch.setattr(jax, "local_devices", lambda: there)
    board = Compute(platform="tpu", devices=8, dtype=asked)  # type: ignore[arg-type]
    found, compute = machine.start_best(board)
    assert found == there
    assert compute == Compute(platform=platform, devices="auto", dtype=dtype)  # type: ignore[arg-type]
