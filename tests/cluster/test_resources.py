"""What a task asks Ray for, by platform and by what nodes announce."""

import dataclasses
from typing import Any

import pytest

from pipeline.cluster.resources import resources
from pipeline.errors import UserError
from pipeline.params import Compute
from tests.configurations import section

NODES = [
    {"CPU": 4.0, "memory": 1e9},
    {"CPU": 96.0, "GPU": 8.0, "accelerator_type:T4": 1.0},
    {"CPU": 24.0, "TPU": 8.0, "TPU-v5litepod-8-head": 1.0},
    {"CPU": 16.0, "GPU": 2.0, "TPU": 4.0},
    {"memory": 1e9},
]
CPU = section(Compute)


def _compute(platform: Any, devices: Any = "auto") -> Compute:
    return dataclasses.replace(CPU, platform=platform, devices=devices)


@pytest.mark.parametrize(
    ("compute", "options", "expected"),
    [
        (_compute("cpu"), {}, {"num_cpus": 4}),
        # Simulated devices of a CPU are no processors.
        (_compute("cpu", 2), {}, {"num_cpus": 4}),
        (_compute("cpu"), {"cpus": 3}, {"num_cpus": 3}),
        (_compute("gpu"), {}, {"num_cpus": 1, "num_gpus": 2}),
        (_compute("gpu"), {"cpus": 8, "devices": 1}, {"num_cpus": 8, "num_gpus": 1}),
        (_compute("tpu"), {}, {"num_cpus": 1, "resources": {"TPU": 4}}),
        (_compute("tpu", 8), {}, {"num_cpus": 1, "resources": {"TPU": 8}}),
        (_compute("tpu", 8), {"devices": 8}, {"num_cpus": 1, "resources": {"TPU": 8}}),
    ],
)
def test_a_task_takes_what_its_platform_needs(
    compute: Compute, options: dict[str, int], expected: dict[str, Any]
) -> None:
    assert resources(compute, NODES, **options) == expected


def test_a_number_is_enough_where_no_node_is_up_yet() -> None:
    assert resources(_compute("tpu"), [], devices=8) == {"num_cpus": 1, "resources": {"TPU": 8}}


@pytest.mark.parametrize(
    ("compute", "options", "told"),
    [
        (_compute("tpu"), {}, r"^no node of the cluster has a TPU now; .*\(DEVICES=1\)"),
        (_compute("cpu"), {}, r"^no node of the cluster has a CPU now; .*\(CPUS=1\)"),
        (_compute("cpu"), {"devices": 1}, r"^DEVICES: compute.platform is cpu"),
        (_compute("gpu", 4), {"devices": 2}, r"^DEVICES: expected compute.devices .*\(4\), found"),
    ],
)
def test_what_no_node_has_is_told(compute: Compute, options: dict[str, int], told: str) -> None:
    with pytest.raises(UserError, match=told):
        resources(compute, [{"memory": 1e9}, {"CPU": 0.0}], **options)
