"""The machine and the only `pmap`: what is replicated, what is split, and over what.

Everything above this file is a pure function of one device's share of a batch; `AXIS` is the
name under which such a function sums over all devices.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from pipeline import paths
from pipeline.errors import UserError
from pipeline.params import Compute
from pipeline.platforms import BUILDS, check_dtype, check_installed, installed

if TYPE_CHECKING:
    from jaxlib._jax import Device  # a type checker takes jax.Device for a variable
else:
    Device = jax.Device

AXIS = "batch"
# JAX reads these off the environment, and they decide numbers or end a run. Its own defaults.
SETTINGS = MappingProxyType(
    {
        "jax_enable_x64": False,
        "jax_numpy_dtype_promotion": "standard",
        "jax_numpy_rank_promotion": "allow",
        "jax_default_matmul_precision": None,
        "jax_default_prng_impl": "threefry2x32",
        "jax_threefry_partitionable": True,
        "jax_random_seed_offset": 0,
        "jax_legacy_prng_key": "allow",
        "jax_high_dynamic_range_gumbel": False,
        "jax_softmax_custom_jvp": False,
        "jax_disable_jit": False,
        "jax_disable_most_optimizations": False,
        "jax_no_execution": False,
        "jax_check_tracer_leaks": False,
        "jax_debug_nans": False,
        "jax_debug_infs": False,
        "jax_enable_checks": False,
        "jax_transfer_guard": "allow",
        "jax_default_device": None,
        "jax_platform_name": "",  # the older name of jax_platforms
    }
)
DETERMINISTIC = "--xla_gpu_deterministic_ops"
FAILURES = (jax.errors.JaxRuntimeError, MemoryError)
"""The errors of a step that fails as it is compiled, run or waited for."""
# XLA's own word, and CUDA's, which come under other heads too.
_SHORT = re.compile(r"RESOURCE_EXHAUSTED|OUT_OF_MEMORY|out of memory|failed to allocate", re.I)

Tree = TypeVar("Tree")


@dataclass(frozen=True)
class Backend:
    """The devices that are there, all of one platform."""

    devices: Sequence[Device]
    platform: str

    def dtype(self, asked: str) -> str:
        """Return the dtype of activations that inference takes where `asked` is configured.

        Older GPUs have float16 in place of bfloat16. Where a half is not computed it is float32.
        """
        if asked == "bfloat16" and self.platform == "gpu":
            # Of NVIDIA's, those from 8.0 on (Ampere) compute it.
            return asked if float(self.devices[0].compute_capability) >= 8.0 else "float16"
        own = {"tpu": "bfloat16", "gpu": "float16", "cpu": "float16"}[self.platform]
        return asked if asked == own else "float32"

    def __str__(self) -> str:
        return f"{len(self.devices)} {self.platform} device(s)"


def start(compute: Compute) -> list[Device]:
    """Start JAX on the platform that training asks for, with the persistent compile cache.

    Raises:
      UserError: the platform is not there, has fewer devices than asked for or does not compute
        the dtype; or the compile cache is no folder.
    """
    check_dtype(compute.platform, compute.dtype)
    check_installed(compute.platform)
    platform = BUILDS[compute.platform]
    jax.config.update("jax_platforms", platform)
    # CPU devices are simulated, so there are as many as the configuration asks for.
    if platform == "cpu" and compute.devices != "auto":
        jax.config.update("jax_num_cpu_devices", compute.devices)
    _set_up()
    try:
        found = jax.local_devices()
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"params.yaml: compute.platform: {compute.platform} is not on this machine: {reason}"
        ) from None
    wanted = len(found) if compute.devices == "auto" else compute.devices
    if wanted > len(found):
        raise UserError(
            f"params.yaml: compute.devices: {wanted} asked for, {len(found)} "
            f"{compute.platform} device(s) found"
        )
    return found[:wanted]


def start_best() -> Backend:
    """Start JAX on the best platform that there is, whatever folds are trained on, for inference.

    All GPUs or TPUs are taken, or the CPU as one device. A shell's JAX_PLATFORMS may choose another
    platform and JAX_NUM_CPU_DEVICES simulate more devices.

    Raises:
      UserError: the platform that JAX_PLATFORMS names is not there.
    """
    _set_up()
    try:
        found = jax.local_devices()
    except RuntimeError as error:
        raise UserError(f"JAX finds no device: {' '.join(str(error).split())}") from None
    return Backend(found, found[0].platform)


def _set_up() -> None:
    """Compute as JAX does where nothing is set, and keep whatever gets compiled."""
    # On a GPU reductions may add in any order, so bit-identical reruns need deterministic ones.
    if "gpu" in installed():
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} {DETERMINISTIC}=true".strip()
    # A shell's JAX_ variables must not decide a number. What can't be set here, as a user's
    # XLA_FLAGS, is part of the fingerprint instead.
    for name, value in SETTINGS.items():
        if name in jax.config.values:  # versions of JAX drop some
            jax.config.update(name, value)
    jax.config.update("jax_compilation_cache_dir", str(paths.compile_cache().absolute()))
    # By default JAX keeps only programs that take a second to compile.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def short_of_memory(error: Exception) -> str | None:
    """Return the first line of an error of `FAILURES` that is about memory; None for another."""
    text = str(error) or type(error).__name__
    if isinstance(error, MemoryError) or _SHORT.search(text):
        return text.splitlines()[0]
    return None


@contextlib.contextmanager
def told_if_short_of_memory(line: Callable[[], str]) -> Iterator[None]:
    """Turn an error of `FAILURES` that is about memory into one that a user reads.

    Raises:
      UserError: what `line` says, and the error's own first line.
    """
    try:
        yield
    except FAILURES as error:
        reason = short_of_memory(error)
        if reason is None:
            raise
        raise UserError(f"{line()}; {reason}") from None


def parallel(
    function: Callable[[Any, Any], Any],
    devices: Sequence[Device],
    *,
    replicated_out: bool,
    donate: bool = False,
) -> Callable[[Any, Any], Any]:
    """Run `function(replicated, share)` on every device at once.

    The first argument is the same everywhere; the second is split along its leading axis, which
    must be the number of devices. With `replicated_out` the function has to return the same on
    every device (it summed over `AXIS`), and one copy comes back.
    """
    # `in_axes` and `out_axes` of None keep the state one array without an axis of devices. So it
    # goes from step to step, and into checkpoints, as it is.
    return jax.pmap(
        function,
        AXIS,
        in_axes=(None, 0),
        out_axes=None if replicated_out else 0,
        devices=list(devices),
        donate_argnums=(0,) if donate else (),
    )


def replicate(tree: Tree, devices: Sequence[Device]) -> Tree:
    """Put a copy of every array on every device, on the mesh that `parallel` itself uses.

    On any other sharding the first call would compile for it and the second once more.
    """
    return jax.device_put(tree, replicated(devices))


def replicated(devices: Sequence[Device]) -> NamedSharding:
    """The sharding of `replicate`, for arrays that are restored straight onto the devices."""
    # By the name of `pmap`'s own axis: on another mesh a step compiles twice.
    return NamedSharding(Mesh(np.array(devices), (AXIS,)), PartitionSpec())


def alone(device: Device) -> contextlib.AbstractContextManager[object]:
    """Let this thread compute on `device` what isn't told where.

    Several threads would else put it all on the first device, for which it may be too much.
    """
    return jax.default_device(device)


def split(batch: Tree, devices: int, accumulation: int = 1) -> Tree:
    """Reshape [rows, ...] to [devices, accumulation, rows of one device, ...]."""
    return jax.tree.map(
        lambda array: array.reshape(devices, accumulation, -1, *array.shape[1:]), batch
    )
