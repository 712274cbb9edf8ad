"""Modelled seconds of a compiled step: the compiler's own estimate, and a roofline beside it.

`optimal_seconds` of XLA's cost analysis counts loop bodies once and comes out negative here. The
compiler also writes cycles beside each instruction that it schedules. Their sum, loops multiplied,
is the estimate that is used. What bears no cycles (scatters, custom kernels) takes its own
roofline, and an exchange between cores the ring's time, since nothing overlaps with it.
"""

from dataclasses import dataclass

from tpu_check.chips import Core
from tpu_check.counting import (
    exchanges,
    hbm_bytes,
    is_kernel,
    kernel_flops,
    makes_random_bits,
    products,
)
from tpu_check.hlo import Module


@dataclass(frozen=True)
class Timing:
    """Of one core and one step, loops multiplied.

    Attributes:
      flops: of matrix products, custom kernels' included.
      bytes: to and from HBM.
      reduces: all-reduces.
      exchanged: bytes that they sum.
      compiler: seconds by the compiler's cycles, with the exchange.
      roofline: seconds that FLOPs or bytes alone would take, the longer, with the exchange.
      kernels: the custom kernels' part of `compiler`.
      random: the part of making random bits, which dropout takes.
    """

    flops: int
    bytes: int
    reduces: int
    exchanged: int
    compiler: float
    roofline: float
    kernels: float
    random: float


def timing(module: Module, core: Core, cores: int) -> Timing:
    """Model the time of a compiled step."""
    flops = moved = 0
    busy = kernels = random = passes = 0.0
    for instruction, own, count in module.scheduled():
        made = products(module, instruction, own)
        work = sum(p.flops for p in made)
        unit = sum(p.flops * p.passes for p in made)
        if is_kernel(instruction):
            work = unit = kernel_flops(instruction, own)
        there = hbm_bytes(module, instruction, own)
        flops, moved, passes = flops + count * work, moved + count * there, passes + count * unit
        if instruction.opcode.startswith(("all-reduce", "copy-start", "slice-start")):
            continue  # the ring has its own time; copies to and fro overlap with products
        peak = core.peak / core.joined if is_kernel(instruction) else core.peak
        seconds = max(unit / peak, there / core.bandwidth)
        if instruction.cycles is not None:
            seconds = instruction.cycles / core.clock
        busy += count * seconds
        kernels += count * seconds * is_kernel(instruction)
        random += count * seconds * makes_random_bits(module, instruction)
    found = list(exchanges(module))
    exchanged = sum(count * size for _, count, size in found)
    ring = 2 * (cores - 1) / cores * exchanged / core.links
    return Timing(
        flops=flops,
        bytes=moved,
        reduces=sum(count for _, count, _ in found),
        exchanged=exchanged,
        compiler=busy + ring,
        roofline=max(passes / core.peak, moved / core.bandwidth) + ring,
        kernels=kernels,
        random=random,
    )
