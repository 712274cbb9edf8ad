"""Every form of attention on this machine: kernels interpreted, cuDNN's call answered by XLA."""

import functools

import jax
import pytest

from pipeline.encoders import fused


@pytest.fixture
def any_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    call = jax.nn.dot_product_attention

    @functools.wraps(call)
    def answered(*arrays: jax.Array, implementation: str, **options: object) -> jax.Array:
        assert implementation == "cudnn"
        return call(*arrays, implementation="xla", **options)  # type: ignore[arg-type]

    monkeypatch.setattr(jax.nn, "dot_product_attention", answered)
    monkeypatch.setattr(fused, "INTERPRET", True)
