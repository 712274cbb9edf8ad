"""Examine the machine that trains: its platform, and rows that divide over its devices."""

import os
from collections.abc import Iterator, Mapping

from pipeline.doctor.findings import Finding, lines_of
from pipeline.errors import UserError
from pipeline.params import Compute, Model, Pretrain
from pipeline.platforms import check_asked, check_dtype, check_installed, rows_per_device


def examine(
    compute: Compute,
    models: Mapping[str, Model],
    pretraining: Mapping[str, Pretrain],
    accelerator: str | None,
) -> Iterator[Finding]:
    """Yield the lines with which training would refuse this machine.

    Args:
      compute: the configuration's.
      models: those with a fold still to be trained. Without any, another machine may have trained
        them all, and everything else runs on what is there.
      pretraining: those that are still to be run.
      accelerator: the build of JAX that make was asked for; None where it was not.
    """
    if not models:
        for _ in lines_of(check_installed, compute.platform):
            yield Finding(
                f"params.yaml: compute.platform: {compute.platform} is not on this machine, which "
                "goes on from the folds that are there and can train none",
                error=False,
            )
        return
    try:
        check_dtype(compute.platform, compute.dtype)
        check_asked(compute.platform, accelerator)
        check_installed(compute.platform)
        devices = _count(compute)
    except UserError as error:
        yield Finding(str(error))
        return
    runs = {f"models.{name}": model.train for name, model in models.items()}
    runs |= {f"pretrain.{name}": one.train for name, one in pretraining.items()}
    for name, train in runs.items():
        rows, parts = train.rows.per_step, train.accumulation
        key = f"{name}.train.rows.per_step"
        yield from map(Finding, lines_of(rows_per_device, rows, devices, parts, key))


def _count(compute: Compute) -> int:
    """Count the devices that training would take.

    Of a CPU the configuration says how many; else JAX is asked, which takes seconds.

    Raises:
      UserError: the platform is not there, or has fewer than asked for.
    """
    if compute.platform == "cpu":
        return 1 if compute.devices == "auto" else compute.devices
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # another run may need the memory
    from pipeline.devices import start

    return len(start(compute))
