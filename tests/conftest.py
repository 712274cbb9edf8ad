"""Every test runs with the shapes in the annotations checked, and on the CPU."""

import os

from jaxtyping import install_import_hook

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"  # simulated devices

install_import_hook(
    [
        f"pipeline.{part}"
        for part in ("inputs", "encoders", "members", "evaluation", "training", "delivery")
    ],
    "beartype.beartype",
)
