"""All that decides a run's numbers, as a fingerprint and as a note beside its checkpoints."""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.devices import DETERMINISTIC, SETTINGS
from pipeline.files import sha256, write_json

FILE = "origin.json"
_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy")
_COUNTS = re.compile(r"JAX_|XLA_|LIBTPU_INIT_ARGS$|NVIDIA_TF32_OVERRIDE$")
# Where things are written, what is said, how much memory is taken, how many devices there are.
_CHANGES_NOTHING = re.compile(
    r"JAX_(PLATFORMS|NUM_CPU_DEVICES|COMPILATION_CACHE|PERSISTENT_CACHE|ENABLE_COMPILATION_CACHE"
    r"|RAISE_PERSISTENT|EXPLAIN_|LOG|DEBUG_LOG|DUMP_|TRACEBACK|INCLUDE_)|XLA_PYTHON_CLIENT_"
)
_FLAG_CHANGES_NOTHING = re.compile(
    rf"--xla_(dump_|force_host_platform_device_count\b)|{DETERMINISTIC}\b"
)


@dataclasses.dataclass(frozen=True)
class Origin:
    """The origin of a run's checkpoints; a run goes on from those of the same origin only.

    Checkpoints stand outside DVC's outputs: as an output that persists they would survive a
    change of parameters, and the fold would go on from weights that don't belong to it.

    Attributes:
      stage: as DVC names it.
      settings: every parameter that decides numbers.
      inputs: digests of files by path.
      code: hashes of the code of training and of the network, comments aside, by their names. What
        else is loaded doesn't count, so that any command that trains the fold has the same origin.
      libraries: versions by name.
      environment: digests of variables that may decide numbers and that nothing here sets.
    """

    stage: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    code: Mapping[str, str]
    libraries: Mapping[str, str]
    environment: Mapping[str, str]

    @classmethod
    def of(
        cls,
        stage: str,
        settings: Mapping[str, Any],
        inputs: Iterable[Path],
        code: Mapping[str, str],
    ) -> "Origin":
        """The origin of what this process trains."""
        return cls(
            stage=stage,
            settings=json.loads(json.dumps(settings)),
            inputs={path.as_posix(): sha256(path) for path in sorted(inputs)},
            code=code,
            libraries={name: importlib.metadata.version(name) for name in _LIBRARIES},
            environment=dict(_environment()),
        )

    @property
    def fingerprint(self) -> str:
        """Hex digest of all of it."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Note it beside checkpoints, with the machine that holds their lock."""
        write_json(folder / FILE, dataclasses.asdict(self) | {"host": platform.node()})


def _environment() -> Iterator[tuple[str, str]]:
    ours = {name.upper() for name in SETTINGS}
    for name, value in os.environ.items():
        if name in ours or not _COUNTS.match(name) or _CHANGES_NOTHING.match(name):
            continue
        flags = value.split()
        if name == "XLA_FLAGS":
            flags = [flag for flag in flags if not _FLAG_CHANGES_NOTHING.match(flag)]
        if flags:
            yield name, hashlib.sha256(" ".join(flags).encode()).hexdigest()
