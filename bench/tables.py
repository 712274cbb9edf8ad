"""Figures as markdown, ready for docs/results.md: medians, spreads, ratios, the machine."""

import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: Sequence[float], form: str = ",.2f") -> str:
    """The median, with the least and the most where there are several."""
    median = format(statistics.median(values), form)
    if len(values) == 1:
        return median
    return f"{median} ({format(min(values), form)} to {format(max(values), form)})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours over theirs, round by round: what a round's neighbours disturbed cancels.

    Raises:
      ValueError: the two have not run the same number of rounds.
    """
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def column(figures: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """One figure over all rounds."""
    return [float(figure[key]) for figure in figures]


def ratio_table(
    names: Sequence[str], figures: Sequence[Sequence[Mapping[str, Any]]], key: str, ours: str
) -> str:
    """How often the rows whose name begins with `ours` are as fast as each other row."""
    own = [i for i, name in enumerate(names) if name.startswith(ours)]
    others = [i for i in range(len(names)) if i not in own]
    rows = [
        [names[i]]
        + [spread(ratios(column(figures[i], key), column(figures[o], key))) for o in others]
        for i in own
    ]
    return table(["times as fast as", *(names[o] for o in others)], rows)


def machine(figures: Iterable[Mapping[str, Any]]) -> str:
    """One line: processor, memory, and the versions that the peers reported."""
    versions: dict[str, None] = {}
    devices: dict[str, None] = {}
    for figure in figures:
        versions |= dict.fromkeys(f"{n} {v}" for n, v in figure.get("versions", {}).items())
        devices |= dict.fromkeys([figure["device"]] if figure.get("device") else [])
    memory = psutil.virtual_memory().total / 2**30
    load = psutil.getloadavg()[2]
    parts = [
        f"{cores()} cores of {processor()}, {memory:.0f} GiB",
        *(d for d in devices if d != "cpu"),
        f"load of the last quarter of an hour {load:.1f}",
        f"Python {platform.python_version()}",
        *versions,
    ]
    return "; ".join(parts)


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, with the instructions for bfloat16 that it has."""
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    fields = {}
    for line in cpuinfo.read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    wide = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in fields.get("flags", "").split()]
    return " with ".join([fields.get("model name", platform.machine()), *wide[:1]])


def cores() -> int:
    """Count the processor cores that this process may run on."""
    process = psutil.Process()
    # macOS ties no process to cores.
    if hasattr(process, "cpu_affinity"):
        return len(process.cpu_affinity())
    return psutil.cpu_count() or 1
