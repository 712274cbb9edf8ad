"""The frame of every bench: its command line, and fresh folders with an empty compile cache."""

import argparse
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TORCH = ".venv-parity/bin/python"


def parser(document: str, rounds: int | None = None) -> argparse.ArgumentParser:
    """Make the parser of a bench.

    Args:
      document: the module's docstring, whose first line says its command.
      rounds: how often everything is measured unless `--rounds` says otherwise; None leaves the
        option out.

    Raises:
      ValueError: the first line says no command.
    """
    command = re.search(r"python -m bench[\w.]*", document.splitlines()[0])
    if command is None:
        raise ValueError(f"no `python -m bench...` in {document.splitlines()[0]!r}")
    made = argparse.ArgumentParser(
        prog=command[0],
        description=document,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if rounds is not None:
        made.add_argument("--rounds", type=int, default=rounds, help=f"{rounds} by default")
    return made


def add_model(made: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add `--model`, which has to be given where there is no default."""
    told = "a key of models in params.yaml"
    made.add_argument("--model", default=default, required=default is None, help=told)


def add_platform(made: argparse.ArgumentParser, default: str) -> None:
    """Add `--platform`."""
    made.add_argument("--platform", default=default, choices=["cpu", "gpu"])


def add_torch(made: argparse.ArgumentParser) -> None:
    """Add `--torch-python`, the interpreter of torch's environment."""
    made.add_argument("--torch-python", default=TORCH, help="`make peers` makes its environment")


@contextmanager
def fresh() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder for as long as it is used, and an environment whose compile cache is empty there."""
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch), {"JAX_COMPILATION_CACHE_DIR": scratch}
