"""A profiler's trace of a few steps, compiled."""

from pathlib import Path

import jax

from pipeline.errors import UserError
from pipeline.progress import say

_FIRST, _STEPS = 5, 5  # the first ones compile, and fill caches


class Trace:
    """Starts and ends a trace between the steps of a run."""

    def __init__(self, folder: Path | None, steps: int) -> None:
        """Note where the trace goes; None: there is none.

        Args:
          folder: of the trace.
          steps: how many the run has.

        Raises:
          UserError: they are too few.
        """
        self._folder = folder
        if folder is not None and steps < _FIRST + _STEPS:
            raise UserError(
                f"a profile takes {_FIRST + _STEPS} steps, expected as many in the fold, found "
                f"{steps}"
            )

    def done(self, step: int) -> None:
        """Take note of a step that has ended, and whose figures are here; from 1."""
        if self._folder is None:
            return
        if step == _FIRST:
            jax.profiler.start_trace(str(self._folder), create_perfetto_trace=True)
        elif step == _FIRST + _STEPS:
            jax.profiler.stop_trace()
            newest = max(self._folder.rglob("perfetto_trace.json.gz"))
            say(f"profile of {_STEPS} steps: {newest}, for ui.perfetto.dev")
