"""Every test runs with the shapes in the annotations checked, and on the CPU."""

import functools
import os

import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Simulated devices; and tiny models compile longer than they run.
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8 --xla_llvm_disable_expensive_passes=true"
)

install_import_hook(
    [
        f"pipeline.{part}"
        for part in ("inputs", "encoders", "members", "evaluation", "training", "delivery")
    ],
    "beartype.beartype",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: begun last, one would keep a single worker busy alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def any_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every form of attention on a CPU: kernels interpreted, cuDNN's call answered by XLA."""
    import jax

    from pipeline.encoders import fused

    call = jax.nn.dot_product_attention

    @functools.wraps(call)
    def answered(*arrays: jax.Array, implementation: str, **options: object) -> jax.Array:
        assert implementation == "cudnn"
        return call(*arrays, implementation="xla", **options)  # type: ignore[arg-type]

    monkeypatch.setattr(jax.nn, "dot_product_attention", answered)
    monkeypatch.setattr(fused, "INTERPRET", True)
