"""Inference takes the best platform that there is; the environment decides no number."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline import devices as machine
from pipeline.errors import UserError
from pipeline.params import Compute
from pipeline.platforms import check_dtype
from tests.configurations import section


@pytest.mark.parametrize(
    ("platform", "capability", "asked", "dtype"),
    [
        ("tpu", None, "bfloat16", "bfloat16"),
        ("tpu", None, "float32", "float32"),
        ("gpu", "8.0", "bfloat16", "bfloat16"),
        ("gpu", "7.5", "bfloat16", "float16"),  # a T4
        ("gpu", "6.0", "bfloat16", "float16"),  # a P100
        ("gpu", "7.5", "float16", "float16"),
        ("gpu", "7.5", "float32", "float32"),
        ("gpu", "8.0", "float16", "float16"),
        ("gpu", "8.0", "float32", "float32"),
        ("cpu", None, "bfloat16", "float32"),
        ("cpu", None, "float16", "float16"),
        ("tpu", None, "float16", "float32"),
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
    backend = machine.start_best()
    assert backend.devices == there
    assert backend.platform == platform
    assert backend.dtype(asked) == dtype
    assert str(backend) == f"2 {platform} device(s)"


def test_a_platform_that_the_shell_names_and_that_is_not_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> list[object]:
        raise RuntimeError("Unable to initialize backend 'tpu':\nno libtpu")

    monkeypatch.setattr(jax, "local_devices", none)
    with pytest.raises(UserError) as error:
        machine.start_best()
    assert str(error.value) == "JAX finds no device: Unable to initialize backend 'tpu': no libtpu"


DRAWN = [1883912375, 2292451390, 1915204986, 1882898417]  # JAX 0.10.2, nothing set
CPU = section(Compute)
ODD = {
    "jax_enable_x64": True,
    "jax_default_prng_impl": "rbg",
    "jax_threefry_partitionable": False,
    "jax_random_seed_offset": 5,
    "jax_default_matmul_precision": "bfloat16",
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
    "jax_debug_nans": True,
    "jax_debug_infs": True,
    "jax_disable_jit": True,
    "jax_disable_most_optimizations": True,
    "jax_check_tracer_leaks": True,
    "jax_legacy_prng_key": "error",
    "jax_softmax_custom_jvp": True,
    "jax_high_dynamic_range_gumbel": True,
    "jax_no_execution": True,
    "jax_enable_checks": True,
    "jax_platform_name": "tpu",
    "jax_default_device": "tpu",
    "jax_transfer_guard": "disallow",
}


@pytest.fixture
def _odd_settings() -> Iterator[None]:
    """Every setting that decides numbers, or ends a run, as an environment might have it."""
    before = {name: jax.config.values[name] for name in ODD}
    for name, value in ODD.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.parametrize(
    "start", [lambda: machine.start(CPU), machine.start_best], ids=["training", "inference"]
)
@pytest.mark.usefixtures("_odd_settings")
def test_the_environment_decides_no_number(start: Callable[[], object]) -> None:
    start()
    assert (jnp.arange(3) + np.ones((2, 3), np.float32)).dtype == jnp.float32
    key = jax.random.key(1)
    assert jax.random.key_data(key).tolist() == [0, 1], "as threefry has it, and no seed's offset"
    assert jax.random.bits(key, (4,)).tolist() == DRAWN
    assert float(jax.jit(lambda x: x / 0.0)(1.0)) == float("inf")
    product = jax.make_jaxpr(jax.jit(jnp.dot))(np.eye(2), np.eye(2)).jaxpr.eqns[0]
    assert product.params["jaxpr"].eqns[-1].params["precision"] is None
    assert product.invars[0].aval.dtype == jnp.float32
    assert [name for name, value in ODD.items() if jax.config.values[name] == value] == []


def test_short_memory_is_a_line_and_another_failure_stays_one() -> None:
    with (
        pytest.raises(UserError, match=r"^too large; RESOURCE_EXHAUSTED: no room$"),
        machine.told_if_short_of_memory(lambda: "too large"),
    ):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: no room\nmore")
    with (
        pytest.raises(jax.errors.JaxRuntimeError, match="broken"),
        machine.told_if_short_of_memory(lambda: "too large"),
    ):
        raise jax.errors.JaxRuntimeError("INTERNAL: broken")


def test_a_tpu_refuses_float16_in_one_line() -> None:
    with pytest.raises(UserError) as told:
        check_dtype("tpu", "float16")
    assert str(told.value) == (
        "params.yaml: compute.dtype: float16, which TPUs do not compute; expected bfloat16 or "
        "float32"
    )
    for platform, dtype in (("gpu", "float16"), ("cpu", "float16"), ("tpu", "bfloat16")):
        check_dtype(platform, dtype)
