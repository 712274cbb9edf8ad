"""Kaggle's machines for training: what each is called in a push, and what it allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Name = Literal["cpu", "gpu", "tpu"]


@dataclass(frozen=True)
class Accelerator:
    """One kind of session.

    Attributes:
      name: a platform of compute.platform.
      shape: Kaggle's name of the machine; None: a machine without an accelerator.
      devices: that JAX finds there; of a CPU as many as compute.devices simulates.
      hours: a session's limit.
      sessions: that an account runs at once; where fewer are free, a push waits.
      dtypes: of compute.dtype that it computes itself.
    """

    name: Name
    shape: str | None
    devices: int
    hours: float
    sessions: int
    dtypes: tuple[str, ...]


ACCELERATORS: Mapping[str, Accelerator] = MappingProxyType(
    {
        "cpu": Accelerator("cpu", None, 1, 12.0, 1, ("float32", "bfloat16", "float16")),
        # Two Tesla T4, of the generation before bfloat16.
        "gpu": Accelerator("gpu", "NvidiaTeslaT4", 2, 9.0, 2, ("float32", "float16")),
        "tpu": Accelerator("tpu", "TpuV5E8", 8, 9.0, 1, ("float32", "bfloat16")),
    }
)
"""By name. Kaggle's page of its notebooks has the limits (November 2026)."""
