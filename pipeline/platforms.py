"""The platforms that a configuration computes on, without starting JAX on any of them."""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pipeline.errors import UserError

BUILDS: Mapping[str, str] = MappingProxyType({"cpu": "cpu", "gpu": "cuda", "tpu": "tpu"})
"""A platform to the build of JAX that computes on it, as make's ACCELERATOR and JAX call it."""


def installed() -> set[str]:
    """The platforms that the installed build of JAX can compute on, whether they are there or not.

    JAX finds CUDA as a plugin in the namespace `jax_plugins`, and the TPU's library as the package
    libtpu or under TPU_LIBRARY_PATH.
    """
    found = {"cpu"}
    plugins = importlib.util.find_spec("jax_plugins")
    folders = plugins.submodule_search_locations if plugins else None
    if any(True for folder in folders or () for _ in Path(folder).glob("xla_cuda*")):
        found.add("gpu")
    if importlib.util.find_spec("libtpu") or os.environ.get("TPU_LIBRARY_PATH"):
        found.add("tpu")
    return found


def check_installed(platform: str) -> None:
    """Hold the platform of a configuration to the installed build of JAX.

    Raises:
      UserError: it computes on others only.
    """
    there = installed()
    if platform not in there:
        raise UserError(
            f"params.yaml: compute.platform: {platform}, but the installed build of JAX is for "
            f"{' and '.join(sorted(there - {'cpu'})) or 'cpu'}; `make venv "
            f"ACCELERATOR={BUILDS[platform]}` installs the other, or set compute.platform: cpu"
        )


def check_dtype(platform: str, dtype: str) -> None:
    """Hold the dtype of a configuration's activations to its platform.

    Raises:
      UserError: the platform has another half.
    """
    if (platform, dtype) == ("tpu", "float16"):
        raise UserError(
            "params.yaml: compute.dtype: float16, which TPUs do not compute; expected bfloat16 or "
            "float32"
        )


def check_asked(platform: str, accelerator: str | None) -> None:
    """Hold the platform of a configuration to the accelerator that make was asked for, if it was.

    Raises:
      UserError: it was asked for another.
    """
    asked = next((name for name, build in BUILDS.items() if build == accelerator), platform)
    if asked != platform:
        raise UserError(
            f"params.yaml: compute.platform: {platform}, but ACCELERATOR={accelerator} asks for "
            f"{asked}; set compute.platform: {asked}, or leave ACCELERATOR out"
        )


def rows_per_device(
    per_step: int, devices: int, accumulation: int, key: str = "rows.per_step"
) -> int:
    """Return the number of rows that one device sees at once.

    Args:
      per_step: rows of a step, over all devices and all parts of an accumulated step.
      devices: how many there are.
      accumulation: parts of a step.
      key: where `per_step` stands, for the message.

    Raises:
      UserError: the rows of a step do not divide evenly.
    """
    rows, rest = divmod(per_step, devices * accumulation)
    if rest or rows == 0:
        raise UserError(
            f"params.yaml: {key}: {per_step} rows cannot be split over {devices} "
            f"device(s) x {accumulation} accumulation step(s); expected a multiple of "
            f"{devices * accumulation}"
        )
    return rows
