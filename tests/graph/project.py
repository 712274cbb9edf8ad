"""A small project under DVC, in the current folder."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def dvc(*words: str) -> None:
    """Run DVC's own command."""
    subprocess.run([sys.executable, "-m", "dvc", *words], check=True, capture_output=True)


def make(stages: str, files: Mapping[str, str]) -> None:
    """Write dvc.yaml and the files that it reads, and run it all."""
    dvc("init", "--no-scm", "--quiet")
    Path("dvc.yaml").write_text(stages)
    for name, text in files.items():
        Path(name).write_text(text)
    dvc("repro", "--quiet")
