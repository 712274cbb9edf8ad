"""Checkpoints of a run that has published, where it is not alone to say that they may go.

On a machine of a cluster a fold is safe only once another machine can have it. Whoever runs the
stage there sets CHECKPOINT_NOTE to a file's name, finds in it the folder that the run would have
removed, and removes it after that.
"""

import os
from pathlib import Path

NOTE = "CHECKPOINT_NOTE"


def noted(folder: Path) -> bool:
    """Write down a folder of checkpoints where someone asked for it; else say no."""
    note = os.environ.get(NOTE)
    if not note:
        return False
    Path(note).write_text(str(folder.absolute()), encoding="utf-8")
    return True
