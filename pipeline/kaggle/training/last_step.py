"""The part of a run's checkpoints that travels. Standard library alone, for kernels have it too."""

from pathlib import Path


def last_step(run: Path) -> list[Path]:
    """List the files of a run's last checkpoint, and the note of its origin.

    The checkpoint before it is for a damage on the same disk.

    Args:
      run: a folder as `pipeline.training.checkpoint` keeps it.

    Returns:
      Nothing where nothing is saved.
    """
    state = run / "state"
    steps = [path for path in state.iterdir() if path.name.isdecimal()] if state.is_dir() else []
    if not steps:
        return []
    last = max(steps, key=lambda path: int(path.name))
    return [run / "origin.json", *sorted(path for path in last.rglob("*") if path.is_file())]
