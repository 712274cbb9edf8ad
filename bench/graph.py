"""Times of the graph on the sample, in a clone of what is committed: python -m bench.graph.

The whole graph with an empty compile cache, `dvc repro` with nothing to do, one fold trained
again with a warm cache, and how that fold's process starts: from its first instruction to JAX's
first compilation and to the end of the first step. The environment that runs this is used.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLD = "train@tiny-2"
CHECKPOINTS = "CHECKPOINT_ROOT"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        subprocess.run(["git", "clone", "--quiet", ".", str(clone)], check=True)
        print("| what | median s | least | most |\n| --- | --- | --- | --- |")
        row("whole graph, empty caches", [repro(clone)])
        row("dvc repro, nothing to do", [repro(clone) for _ in range(rounds)])
        again = ["--force", "--single-item", FOLD]
        row(f"{FOLD} again, warm compile cache", [repro(clone, *again) for _ in range(rounds)])
        starts = [start(clone) for _ in range(rounds)]
        row("process start to first compilation", [first for first, _ in starts])
        row("process start to the end of the first step", [step for _, step in starts])


def row(what: str, seconds: list[float]) -> None:
    """One line of the table."""
    figures = (statistics.median(seconds), min(seconds), max(seconds))
    print(f"| {what} | {' | '.join(f'{s:.1f}' for s in figures)} |", flush=True)


def repro(clone: Path, *arguments: str) -> float:
    """Seconds of `dvc repro`."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", *arguments]
    subprocess.run(command, cwd=clone, env=environment(), check=True, capture_output=True)
    return time.perf_counter() - began


def environment(**more: str) -> dict[str, str]:
    """This environment's Python first on the PATH, for the stages too."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1"} | more


def start(clone: Path) -> tuple[float, float]:
    """Seconds to the first compilation, and to the end of the first step, of a fresh fold."""
    model, fold = FOLD.removeprefix("train@").split("-")
    command = [sys.executable, "-m", "stages.train", "--model", model, "--fold", fold]
    with tempfile.TemporaryDirectory() as checkpoints:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=clone,
            env=environment(JAX_LOG_COMPILES="1", **{CHECKPOINTS: checkpoints}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        compiled = seconds_until("Compiling", process, began)
        process.communicate()
    timing = json.loads((clone / f"artifacts/timing/{model}/fold{fold}.json").read_text())
    return compiled, compiled + timing["first_step_seconds"]


def seconds_until(word: str, process: subprocess.Popen[str], began: float) -> float:
    """Seconds until a process prints a line with a word in it."""
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return time.perf_counter() - began
    raise RuntimeError(f"{process.args} ended without {word!r}")


if __name__ == "__main__":
    main()
