"""The machine around this process: the cores that it may use, and the memory that it has taken."""

import re
import resource
import sys
from pathlib import Path

import psutil

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def cores() -> int:
    """Count the processor cores that this process may run on."""
    process = psutil.Process()
    # macOS ties no process to cores.
    if hasattr(process, "cpu_affinity"):
        return len(process.cpu_affinity())
    return psutil.cpu_count() or 1


def peak_megabytes(status: Path = Path("/proc/self/status")) -> float:
    """Return the most memory that this process has held, in MiB.

    Args:
      status: Linux's own account of the process; absent elsewhere.
    """
    # Before ru_maxrss, which on Linux begins at the peak of whatever started this process: of a
    # stage it would say DVC's.
    found = _PEAK.search(status.read_text(encoding="utf-8")) if status.exists() else None
    if found:
        return int(found[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # bytes on macOS, else kB
