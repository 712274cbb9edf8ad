"""A node's environment of the project, made once from the lock: python -m
pipeline.cluster.environment --build tpu, in the project's folder.

Standard library alone, as all that Ray's workers import: they run in an environment of Ray's.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = "SPREAD_FOLDER"  # an environment variable of the node: where its files lie
_DEFAULT = "~/.cache/effective-arguments"
_PAUSE = 0.2  # seconds


def folder() -> Path:
    """Return the folder in which a node keeps environments, DVC's cache and workspaces."""
    return Path(os.environ.get(FOLDER) or _DEFAULT).expanduser().absolute()


def name(source: Path, build: str) -> str:
    """Name the environment of a build of JAX by the bytes of its locks.

    Args:
      source: the project.
      build: cpu, cuda or tpu, as make's ACCELERATOR.
    """
    digest = hashlib.sha256()
    for lock in sorted((source / "requirements").glob(f"{build}-py*.txt")):
        digest.update(lock.name.encode() + b"\0" + lock.read_bytes())
    return f"{build}-{digest.hexdigest()[:16]}"


def made(source: Path, build: str) -> Path:
    """Return the environment; install it where it is not there yet.

    Of several tasks on one node one installs, and the others wait for it.

    Raises:
      CalledProcessError: it can't be installed; the reason is on standard error.
    """
    place = folder() / "environments" / name(source, build)
    # The same mark as the Makefile's, made last: half an environment has none.
    mark = place / f".installed-{build}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.with_name(f"{place.name}.lock")):
        if not mark.exists():
            command = ["sh", "requirements/install.sh", str(place), build]
            _run([*command, sys.executable, "python3", "3.12"], source)
            mark.touch()
    return place


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock; wait in short turns, for a task that is asked to stop has to hear of it."""
    with path.open("w") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_PAUSE)
        yield


def _run(command: Sequence[str], source: Path) -> None:
    # Python's own variables are those of Ray's environment.
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    process = subprocess.Popen(
        command, cwd=source, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        while process.poll() is None:
            time.sleep(_PAUSE)
    finally:
        process.kill()
    said = process.communicate()[1]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=said)


def main(argv: Sequence[str] | None = None) -> None:
    """Make the environment, as an image for the nodes does."""
    parser = argparse.ArgumentParser(prog="pipeline.cluster.environment", description=__doc__)
    parser.add_argument("--build", required=True, choices=["cpu", "cuda", "tpu"])
    try:
        print(made(Path(), parser.parse_args(argv).build))
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"error: {error.stderr.strip()}") from None


if __name__ == "__main__":
    main()
