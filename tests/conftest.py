"""Every test runs with the shapes in the annotations checked, and on the CPU."""

import functools
import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "cuda" in os.environ["JAX_PLATFORMS"]:
    collect_ignore: list[str] = []
else:
    collect_ignore = ["gpu"]
    # Simulated devices; and code that is made quickly, for tests compile far more than they run.
    os.environ["XLA_FLAGS"] = (
        "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
    )

install_import_hook(
    [
        f"pipeline.{part}"
        for part in (
            "inputs",
            "encoders",
            "backbones",
            "tables",
            "topics",
            "inference",
            "teaching",
            "members",
            "evaluation",
            "report",
            "training",
            "pretraining",
            "bundle",
            "kaggle",
        )
    ],
    "beartype.beartype",
)


@pytest.fixture
def any_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every form of attention on a CPU: kernels interpreted, cuDNN's call answered by XLA."""
    import jax

    from pipeline.encoders.attention import fused

    call = jax.nn.dot_product_attention

    @functools.wraps(call)
    def answered(*arrays: jax.Array, implementation: str, **options: object) -> jax.Array:
        assert implementation == "cudnn"
        return call(*arrays, implementation="xla", **options)  # type: ignore[arg-type]

    monkeypatch.setattr(jax.nn, "dot_product_attention", answered)
    monkeypatch.setattr(fused, "INTERPRET", True)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished graph with its bundle in float32; tests that change it take a copy."""
    from pipeline.bundle.pack import Packer
    from pipeline.configuration import load_configuration
    from tests.bundle.graph import make_graph

    folder = tmp_path_factory.mktemp("graph")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_graph(folder)
        Packer(load_configuration(), "float32").pack(without_external=False)
    return folder
