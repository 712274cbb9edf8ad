"""The file that Kaggle runs to train: it checks the machine and unpacks what was sent.

Kaggle uploads this file alone, with the order in it. The project's own code is among what it
unpacks, and does the rest: `onsite.py`. Both use the standard library only, since the environment
is made there. All of it lies in a temporary folder: what lies in the output folder is kept by
Kaggle and counts towards its 20 GB.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ORDER: Final = "{}"
"""JSON; whoever pushes the file writes it in here. `pipeline/kaggle/training/order.py` has it."""

_PCI = Path("/sys/bus/pci/devices")
# Vendor and device of a v5e's chip, by which JAX finds it too; Google's network card is another.
_V5E = ("0x1ae0", "0x0063")


class Unusable(Exception):  # noqa: N818 - read by a person, in one line
    """A machine or a mount that is not as it has to be; the text is the line that the log shows."""


def main() -> None:
    """Train what the order names."""
    started = time.time()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, default=Path("/kaggle/input"))
    parser.add_argument("--output", type=Path, default=Path("/kaggle/working"))
    arguments, _ = parser.parse_known_args()  # a notebook's engine passes arguments of its own
    order = json.loads(ORDER)
    check_machine(order["platform"], order["devices"])
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        unpack(order["packs"], arguments.input, scratch)
        sys.path.insert(0, str(scratch / "project"))
        # Not at the top: it was unpacked just now.
        from pipeline.kaggle.training.onsite import Session

        digest = hashlib.sha256(ORDER.encode()).hexdigest()
        Session(order, digest, scratch, arguments.output, started).run()


def check_machine(platform: str, expected: int) -> None:
    """Hold the machine's accelerators to those asked for, before anything takes time.

    Raises:
      Unusable: there are none, or fewer.
    """
    found = {"gpu": _gpus, "tpu": _tpus}.get(platform, lambda: expected)()  # a CPU is always there
    say(f"machine: {platform}, {found} of {expected} device(s)")
    if found < expected:
        raise Unusable(
            f"expected {expected} {platform} device(s), found {found}: Kaggle gave another machine "
            "or image than the one asked for"
        )


def _gpus() -> int:
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _tpus() -> int:
    """Count chips on the bus, which takes no TPU library."""
    found = [
        tuple((chip / name).read_text().strip() for name in ("vendor", "device"))
        for chip in _PCI.glob("*")
    ]
    return found.count(_V5E)


def unpack(packs: Mapping[str, Mapping[str, Any]], mounts: Path, scratch: Path) -> None:
    """Unpack what was sent, each archive held to its digest.

    Args:
      packs: the archive's file and sha256 by its name.
      mounts: the folder of datasets.
      scratch: gets the project with its inputs, and checkpoints beside it.

    Raises:
      Unusable: one isn't mounted, or is another version.
    """
    for name, pack in packs.items():
        with zipfile.ZipFile(find(mounts, pack["file"], pack["sha256"])) as archive:
            archive.extractall(scratch / ("checkpoints" if name == "checkpoints" else "project"))
        say(f"{pack['file']}: sha256 {pack['sha256']}")


def find(mounts: Path, name: str, digest: str) -> Path:
    """Find a file of a digest, wherever its dataset is mounted.

    Raises:
      Unusable: there is none, or only one of other bytes.
    """
    others = []
    for path in sorted(mounts.rglob(name)):
        found = sha256(path)
        if found == digest:
            return path
        others.append(found)
    raise Unusable(
        f"{mounts}: {name}: expected sha256 {digest}, found {', '.join(others) or 'no such file'}"
    )


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def say(line: str) -> None:
    """Print a line of the log at once."""
    print(line, flush=True)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        # The project's own class for the same can't be imported before it is unpacked.
        if type(error).__name__ not in ("Unusable", "UserError"):
            raise
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
