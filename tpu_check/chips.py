"""The machines that are compiled for, and what their vendor states of a core.

Peaks, bandwidths and links are those of Google's pages (cloud.google.com/tpu/docs/v3, v5e, v6e and
v5p). A v3 chip has two cores, which share its memory's bandwidth. A v5p chip has two as well, which
its compiler joins into one device. A link carries what the page gives a chip (v5e 400 GB/s both
ways, v6e 800, v5p 1,200), divided by its ports (4, 4, 6). Memory is what the compiler itself says.

The clock is the peak divided by what the matrix units do in a cycle, a multiplication and an
addition for each of their places: 128 x 128 (two units in a v3 core, four in a v5e, eight in the
two of a v5p) or 256 x 256. Google's page gives a v6e two of those. The compiler gives a large
product 369,000 FLOPs a cycle there, and two units can do 262,144: so it reckons with four, and then
the clock is that of v5p, 1.75 GHz.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pipeline.devices import Device


@dataclass(frozen=True)
class Core:
    """What JAX calls a device.

    Attributes:
      kind: JAX's own name of it.
      peak: FLOPs a second of bfloat16 products.
      units: matrix units.
      memory: bytes of HBM that the compiler may place things in.
      bandwidth: of HBM, bytes a second.
      links: bytes a second that a ring through all cores carries, both ways together.
      side: places along a side of a matrix unit.
      joined: a chip's cores that are one device; a custom kernel runs on one of them.
    """

    name: str
    kind: str
    peak: float
    units: int
    memory: int
    bandwidth: float
    links: float
    side: int = 128
    joined: int = 1

    @property
    def clock(self) -> float:
        """Cycles a second."""
        return self.peak / (self.units * 2 * self.side**2)


V5E = Core(
    "v5e", "TPU v5 lite", peak=197e12, units=4,
    memory=int(15.75 * 2**30), bandwidth=819e9, links=2 * 50e9,
)  # fmt: skip
V6E = Core(
    "v6e", "TPU v6 lite", peak=918e12, units=4, side=256,
    memory=int(31.25 * 2**30), bandwidth=1638e9, links=2 * 100e9,
)  # fmt: skip
V5P = Core(
    "v5p", "TPU v5", peak=459e12, units=8, joined=2,
    memory=int(95.74 * 2**30), bandwidth=2765e9, links=2 * 100e9,
)  # fmt: skip
V3 = Core(
    "v3", "TPU v3", peak=61.5e12, units=2,
    memory=int(15.48 * 2**30), bandwidth=450e9, links=2 * 82e9,
)  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A slice by the name that it is lent under; v5p's counts the cores that are joined."""

    core: Core
    cores: int
    topology: str
    host: tuple[int, int, int] | None = None  # chips of one host, where not the usual 2 x 2


MACHINES = MappingProxyType(
    {
        "v5e-8": Machine(V5E, 8, "v5e:2x4"),
        "v5e-1": Machine(V5E, 1, "v5e:1x1", host=(1, 1, 1)),
        "v3-8": Machine(V3, 8, "v3:2x2"),
        "v5e-16": Machine(V5E, 16, "v5e:4x4"),
        "v6e-8": Machine(V6E, 8, "v6e:2x4"),
        "v5p-8": Machine(V5P, 4, "v5p:2x2x1"),
    }
)


def without_a_tpu() -> None:
    """Keep libtpu from looking for a TPU and taking its lock; to be called before JAX starts."""
    os.environ |= {
        "JAX_PLATFORMS": "cpu",
        "TPU_SKIP_MDS_QUERY": "1",
        "TPU_WORKER_HOSTNAMES": "localhost",
        "TPU_ACCELERATOR_TYPE": "v5litepod-8",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    }


def devices(machine: Machine) -> Sequence[Device]:
    """Descriptions of a slice's cores, which programs can be compiled for but not run on."""
    from jax.experimental import topologies

    options: dict[str, Any] = {}
    if machine.host is not None:
        options["chips_per_host_bounds"] = machine.host
    found = topologies.get_topology_desc(
        platform="tpu", topology_name=machine.topology, **options
    ).devices
    if len(found) != machine.cores:
        raise RuntimeError(f"{machine.topology}: expected {machine.cores} cores, got {len(found)}")
    return found
