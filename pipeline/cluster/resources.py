"""A task's demands on a node, by the platform that is trained on."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pipeline.errors import UserError
from pipeline.params import Compute

_KINDS = {"cpu": "CPU", "gpu": "GPU", "tpu": "TPU"}
_OPTIONS = {"CPU": "CPUS", "GPU": "DEVICES", "TPU": "DEVICES"}


def resources(
    compute: Compute,
    nodes: Sequence[Mapping[str, float]],
    cpus: int | None = None,
    devices: int | None = None,
) -> dict[str, Any]:
    """Return a task's options for Ray.

    Without a number a task takes all that the smallest node has: a CPU's training uses every core,
    and a fold over all chips of a host waits for no other one.

    Args:
      compute: the configuration's platform, and its number of devices where it names one.
      nodes: what each node that is up announces, by Ray's names.
      cpus: CPUs of a task.
      devices: GPUs, or TPU chips, of a task.

    Raises:
      UserError: no node has what the platform needs, or the configuration wants another number.
    """
    kind: Literal["CPU", "GPU", "TPU"] | str = _KINDS[compute.platform]
    if kind == "CPU" and devices is not None:
        raise UserError("DEVICES: compute.platform is cpu, whose tasks take CPUS")
    wanted = cpus if kind == "CPU" else devices
    if compute.platform != "cpu" and compute.devices != "auto":
        if wanted not in (None, compute.devices):
            raise UserError(
                f"DEVICES: expected compute.devices of params.yaml ({compute.devices}), "
                f"found {wanted}"
            )
        wanted = compute.devices
    amount = wanted or _smallest(kind, nodes)
    if kind == "CPU":
        return {"num_cpus": amount}
    others = {"num_cpus": 1 if cpus is None else cpus}
    return others | ({"num_gpus": amount} if kind == "GPU" else {"resources": {kind: amount}})


def _smallest(kind: str, nodes: Sequence[Mapping[str, float]]) -> int:
    found = [int(node[kind]) for node in nodes if node.get(kind, 0) >= 1]
    if not found:
        raise UserError(
            f"no node of the cluster has a {kind} now; wait for one, or say how many a task takes "
            f"({_OPTIONS[kind]}=1), and a cluster that grows brings up nodes for it"
        )
    return min(found)
