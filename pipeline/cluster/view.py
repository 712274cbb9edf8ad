"""All stages of a cluster in one view: a bar each with rate and time left, and one of the whole."""

import contextlib
from typing import Any

from pipeline import progress
from pipeline.cluster.listening import Begun, Event, Reached, Said


class View:
    """A person's view of the cluster; off a terminal, lines."""

    def __init__(self, total: int) -> None:
        """Begin with no stage of `total` done."""
        self._total = total
        self._stack = contextlib.ExitStack()
        self._bars: dict[str, tuple[contextlib.ExitStack, Any]] = {}
        self._where: dict[str, str] = {}

    def __enter__(self) -> "View":
        self._stack.enter_context(progress.view())
        self._whole = self._stack.enter_context(progress.bar(self._total, "stage", "spread"))
        return self

    def __exit__(self, *error: Any) -> None:
        for stage in list(self._bars):
            self._close(stage)
        self._stack.close()

    @property
    def at_work(self) -> bool:
        """Tell whether a node has taken a stage that isn't done."""
        return bool(self._where)

    def show(self, event: Event) -> None:
        """Draw one event."""
        match event:
            case Begun(stage, where):
                self._begin(stage, where)
            case Said(_, line):
                progress.say(line)
            case Reached():
                self._reach(event)

    def done(self, stage: str) -> None:
        """Count a stage that is done, trained or found in the run cache."""
        self._close(stage)
        self._whole.update(1)
        progress.say(f"{stage}: done on {self._where.pop(stage, 'a node')}")

    def _begin(self, stage: str, where: str) -> None:
        self._close(stage)
        again = stage in self._where
        self._where[stage] = where
        told = f"its machine is gone; {where} takes it over" if again else f"begins on {where}"
        progress.say(f"{stage}: {told}")

    def _reach(self, event: Reached) -> None:
        _, bar = self._bars.get(event.stage, (None, None))
        if bar is None or (bar.total, bar.unit) != (event.total, event.unit) or event.count < bar.n:
            self._close(event.stage)
            stack = contextlib.ExitStack()
            name = f"{event.stage} on {self._where.get(event.stage, 'a node')}"
            opened = progress.bar(event.total, event.unit, name, initial=event.count)
            bar = stack.enter_context(opened)
            self._bars[event.stage] = stack, bar
        # The first and the last part are rate and time left, which the bar has of its own.
        note = ", ".join(event.note.split(", ")[1:-1])
        if note:
            bar.set_postfix_str(note, refresh=False)
        bar.update(event.count - bar.n)

    def _close(self, stage: str) -> None:
        stack, _ = self._bars.pop(stage, (None, None))
        if stack is not None:
            stack.close()
