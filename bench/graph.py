"""Times of the graph on the sample, in a clone of what is committed: python -m bench.graph.

The whole graph with an empty compile cache, `dvc repro` with nothing to do, one fold trained
again with a warm cache, and how that fold's process starts: from its first instruction to JAX's
first compilation and to the end of the first step. The environment that runs this is used.
"""

import functools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench import frame, tables, turns
from pipeline.errors import exit_with_message

FOLD = "train@tiny-2"
CHECKPOINTS = "CHECKPOINT_ROOT"


def main() -> None:
    """Print a table, and the machine."""
    rounds = frame.parser(__doc__ or "", rounds=5).parse_args().rounds
    with frame.fresh() as (scratch, _):
        clone = scratch / "clone"
        subprocess.run(["git", "clone", "--quiet", ".", str(clone)], check=True)
        again = ("--force", "--single-item", FOLD)
        sides = [
            ("whole graph, empty caches", functools.partial(repro, clone), 1),
            ("dvc repro, nothing to do", functools.partial(repro, clone), rounds),
            (f"{FOLD} again, warm compile cache", functools.partial(repro, clone, *again), rounds),
            ("process start to first compilation", functools.partial(start, clone), rounds),
        ]
        # Not in turn: a fold that is trained again leaves `dvc repro` something to look up.
        found = [turns.take_turns([(name, measure)], times)[0] for name, measure, times in sides]
    rows = [
        [name, tables.spread(tables.column(own, "wall"), ",.1f")]
        for (name, *_), own in zip(sides, found, strict=True)
    ]
    steps = tables.spread(tables.column(found[-1], "first_step"), ",.1f")
    rows.append(["process start to the end of the first step", steps])
    print(tables.table(("what", "seconds"), rows), end="\n\n")
    print(tables.machine(()))


def repro(clone: Path, *arguments: str) -> turns.Figures:
    """Run `dvc repro`; its seconds are all that is measured."""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", *arguments]
    subprocess.run(command, cwd=clone, env=environment(), check=True, capture_output=True)
    return {}


def environment(**more: str) -> dict[str, str]:
    """This environment's Python first on the PATH, for the stages too."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1"} | more


def start(clone: Path) -> turns.Figures:
    """Seconds to the first compilation, and to the end of the first step, of a fresh fold."""
    model, fold = FOLD.removeprefix("train@").split("-")
    command = [sys.executable, "-m", "stages.train", "--model", model, "--fold", fold]
    with frame.fresh() as (checkpoints, _):
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=clone,
            env=environment(JAX_LOG_COMPILES="1", **{CHECKPOINTS: str(checkpoints)}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        compiled = seconds_until("Compiling", process, began)
        process.communicate()
    timing = json.loads((clone / f"artifacts/timing/{model}/fold{fold}.json").read_text())
    return {"wall": compiled, "first_step": compiled + timing["first_step_seconds"]}


def seconds_until(word: str, process: subprocess.Popen[str], began: float) -> float:
    """Seconds until a process prints a line with a word in it."""
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return time.perf_counter() - began
    raise RuntimeError(f"{process.args} ended without {word!r}")


if __name__ == "__main__":
    exit_with_message(main)
