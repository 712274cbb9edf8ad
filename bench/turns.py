"""Sides of a comparison in turn; a peer is one in a process and an environment of its own."""

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import UserError

ROOT = Path(__file__).resolve().parents[1]

Figures = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """One side of a comparison.

    Attributes:
      name: its row in the table.
      module: is run as `python -m module REQUEST` and ends with one line of JSON, its figures.
      request: what it is asked for, handed over as JSON.
      python: the interpreter of its environment.
      environment: variables beside this process's own.
    """

    name: str
    module: str
    request: Mapping[str, Any]
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)


def run(peer: Peer, folder: Path = Path()) -> Figures:
    """Run a peer once in `folder`; its figures, with the seconds of the whole process as "wall".

    Raises:
      UserError: its environment is not there, or it failed; the message is its own last line.
    """
    command = [_executable(peer.python), "-m", peer.module, json.dumps(dict(peer.request))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", **peer.environment}
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - began
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        raise UserError(f"{peer.name}: {said.splitlines()[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1]) | {"wall": wall}


def _executable(python: str) -> str:
    """The interpreter by a path that holds in any folder; a bare command is left to the PATH."""
    if os.sep not in python:
        return python
    path = Path(python).absolute()  # not resolved: a link's own name is what makes it a venv
    if not path.exists():
        raise UserError(f"{python}: not found; `make peers` makes the peers' environments")
    return str(path)


def in_turn(peers: Sequence[Peer], rounds: int, folder: Path = Path()) -> list[list[Figures]]:
    """Run every peer once a round; for each peer return its figures, round by round."""
    return take_turns([(peer.name, functools.partial(run, peer, folder)) for peer in peers], rounds)


def take_turns(
    sides: Sequence[tuple[str, Callable[[], Figures]]], rounds: int
) -> list[list[Figures]]:
    """Run every side once a round, one after another, and say so on standard error.

    What else the machine does then touches all of them alike.

    Args:
      sides: the name of each, and what measures it.
      rounds: how often each is measured.

    Returns:
      For each side its figures, round by round, with seconds as "wall" where it says none.
    """
    figures: list[list[Figures]] = [[] for _ in sides]
    for number in range(1, rounds + 1):
        for own, (name, measure) in zip(figures, sides, strict=True):
            began = time.perf_counter()
            found = measure()
            own.append({"wall": time.perf_counter() - began} | found)
            print(f"round {number}/{rounds}: {name}: {own[-1]['wall']:.1f} s", file=sys.stderr)
    return figures
