"""The memory that this process has taken."""

import re
import resource
import sys
from pathlib import Path

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


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
