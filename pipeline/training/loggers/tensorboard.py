"""Event files for TensorBoard, written without TensorFlow."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[attr-defined]
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[attr-defined]
from tensorboard.plugins.text.metadata import create_summary_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto


class TensorBoard:
    """Scalars of one unit, and its configuration as a text."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Note where the events go; `settings` is what the unit is trained with."""
        self._folder, self._settings = folder, settings
        self._writer: EventFileWriter | None = None

    def start(self, done: int) -> None:
        """Open a file of events; readers drop older files' steps after `done`."""
        self._writer = EventFileWriter(str(self._folder))
        begun = SessionLog(status=SessionLog.START)
        self._add(Event(step=done + 1, session_log=begun))
        if done == 0:
            text = f"```\n{json.dumps(self._settings, indent=2, default=str)}\n```"
            value = Summary.Value(
                tag="configuration",
                metadata=create_summary_metadata("configuration", ""),
                tensor=make_tensor_proto([text.encode()]),
            )
            self._add(Event(step=0, summary=Summary(value=[value])))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log figures of one step."""
        found = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(Event(step=step, summary=Summary(value=found)))

    def close(self) -> None:
        """Write what is still held."""
        if self._writer is not None:
            self._writer.close()

    def _add(self, event: Event) -> None:
        if self._writer is not None:
            event.wall_time = time.time()
            self._writer.add_event(event)
