"""A run goes on only from a checkpoint that was made under the same environment."""

import sys
import types
from pathlib import Path

import pytest

from pipeline.training.origin import Origin


def fingerprint(code: str = "a") -> str:
    return Origin.of("train@tiny-0", {"rate": 1e-3}, [], {"train": code}).fingerprint


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math=true"),
        ("XLA_FLAGS", "--xla_dump_to=x --xla_backend_optimization_level=0"),
        ("LIBTPU_INIT_ARGS", "--xla_tpu_enable_async_collective_fusion=true"),
        ("NVIDIA_TF32_OVERRIDE", "0"),
        ("JAX_CPU_ENABLE_ASYNC_DISPATCH", "0"),
        ("JAX_OPTIMIZATION_LEVEL", "O1"),
    ],
)
def test_a_variable_that_may_decide_numbers_is_another_origin(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = fingerprint()
    monkeypatch.setenv(variable, value)
    assert fingerprint() != bare


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        # Which training itself sets:
        ("JAX_ENABLE_X64", "1"),
        ("JAX_DEFAULT_PRNG_IMPL", "rbg"),
        ("XLA_FLAGS", "--xla_gpu_deterministic_ops=true"),
        ("XLA_FLAGS", "--xla_gpu_deterministic_ops=false"),
        # Another number of devices goes on, and says so:
        ("XLA_FLAGS", "--xla_force_host_platform_device_count=8"),
        ("JAX_NUM_CPU_DEVICES", "8"),
        # Where things are written, and what is said:
        ("XLA_FLAGS", "  --xla_dump_to=/somewhere --xla_dump_hlo_as_text  "),
        ("JAX_COMPILATION_CACHE_DIR", "/somewhere"),
        ("JAX_PLATFORMS", ""),
        ("JAX_LOG_COMPILES", "1"),
        ("JAX_TRACEBACK_FILTERING", "off"),
        ("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.9"),
        ("PATH", "/elsewhere"),
    ],
)
def test_another_is_not(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = fingerprint()
    monkeypatch.setenv(variable, value)
    assert fingerprint() == bare


def test_other_code_is_another_origin_and_another_command_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Code counts by its hashes: what else a process has loaded says nothing."""
    bare = fingerprint()
    assert fingerprint("b") != bare
    monkeypatch.setitem(sys.modules, "pipeline.of_another_command", types.ModuleType("other"))
    assert fingerprint() == bare


def test_no_variable_stands_readable_in_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the fingerprint; a shell's settings are nobody else's business."""
    monkeypatch.setenv("LIBTPU_INIT_ARGS", "--xla_tpu_secret=hunter2")
    Origin.of("train@tiny-0", {}, [], {}).write(tmp_path)
    assert "hunter2" not in (tmp_path / "origin.json").read_text()
