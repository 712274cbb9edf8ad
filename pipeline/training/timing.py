"""The wall-clock figures of a run of the loop; nothing depends on them."""

import platform
import time
from collections.abc import Sequence
from typing import Any

import jax

from pipeline import devices as machine
from pipeline.memory import peak_megabytes
from pipeline.params import Compute
from pipeline.training.loop import Loop


def timing(
    compute: Compute, loop: Loop, devices: Sequence[machine.Device], started: float
) -> dict[str, Any]:
    """Describe this process's hardware and time, and the speed of all steps of the run.

    Args:
      compute: the configuration's.
      loop: of the run, which has ended.
      devices: of this process.
      started: when it began, by the monotonic clock.
    """
    return {
        "platform": compute.platform,
        "devices": loop.trained_on,
        "device_kind": devices[0].device_kind,
        "machine": platform.machine(),
        "jax": jax.__version__,
        "seconds": round(time.monotonic() - started, 1),
        "first_step_seconds": round(loop.meter.first_step, 2),
        "tokens_per_second": round(loop.meter.rate, 1),
        "resumed_from": loop.resumed_from,
        "peak_host_megabytes": round(peak_megabytes()),
        **({} if loop.skipped is None else {"skipped_steps": loop.skipped}),
    }
