"""DVC as a child process, in a project of its own: python -m pipeline.graph.child repro.

As any stage it ends with its parent, so that a killed command leaves nobody at work.
"""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def run(project: Path, *arguments: str, environment: Mapping[str, str]) -> int:
    """Run DVC in a project; its output goes where this process's goes.

    Args:
      project: its root, which holds the code that the stages run.
      arguments: of dvc.
      environment: variables beside this process's own.

    Returns:
      DVC's exit status.
    """
    # Stages run the PATH's Python where the project has no environment of its own.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "pipeline.graph.child", *arguments]
    process = subprocess.Popen(
        command, cwd=project, env={**os.environ, "PATH": path, **environment}
    )
    while True:
        try:
            return process.wait()
        # The terminal sends it to the child as well, which saves its state first.
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    from dvc.cli import main

    sys.exit(main(sys.argv[1:]))
