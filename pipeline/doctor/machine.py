"""Examine the machine: the platform of the configuration, and rows that divide over its devices."""

import os
from collections.abc import Iterator, Mapping

from pipeline.doctor.findings import refusals
from pipeline.errors import UserError
from pipeline.params import Compute, Model
from pipeline.platforms import check_asked, check_installed, rows_per_device


def examine(
    compute: Compute, models: Mapping[str, Model], accelerator: str | None
) -> Iterator[str]:
    """Yield the lines with which training would refuse this machine.

    Args:
      compute: the configuration's.
      models: whose rows are divided.
      accelerator: the build of JAX that make was asked for; None where it was not.
    """
    try:
        check_asked(compute.platform, accelerator)
        check_installed(compute.platform)
        devices = _count(compute)
    except UserError as error:
        yield str(error)
        return
    for name, model in models.items():
        rows, parts = model.train.rows.per_step, model.train.accumulation
        key = f"models.{name}"
        yield from refusals(rows_per_device, rows, devices, parts, f"{key}.train.rows.per_step")
        rows = model.predict.per_step
        yield from refusals(rows_per_device, rows, devices, 1, f"{key}.predict.per_step")


def _count(compute: Compute) -> int:
    """Count the devices that a stage would take.

    Of a CPU the configuration says how many; else JAX is asked, which takes seconds.

    Raises:
      UserError: the platform is not there, or has fewer than asked for.
    """
    if compute.platform == "cpu":
        return 1 if compute.devices == "auto" else compute.devices
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # another run may need the memory
    from pipeline.devices import start

    return len(start(compute))
