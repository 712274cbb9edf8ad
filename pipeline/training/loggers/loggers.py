"""All loggers of a run, none of which can end it."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from pipeline.progress import say
from pipeline.training.history import Validation
from pipeline.training.loggers.logger import Logger


class Loggers:
    """Hands a run's figures to each logger; one that fails is told of once, and left out."""

    def __init__(self, name: str, loggers: Sequence[Logger] = ()) -> None:
        """Take the loggers of the run of a name."""
        self._name, self._on = name, list(loggers)

    def start(self, done: int) -> None:
        """Begin, or go on after `done` steps."""
        self._each(lambda logger: logger.start(done))

    def step(self, step: int, loss: float, norm: float, share: float, speed: float) -> None:
        """Log a training step.

        Args:
          step: its number, from 1.
          loss: of its batch.
          norm: of its gradient before clipping.
          share: of the peak rates, at which it moved the parameters.
          speed: real tokens a second so far.
        """
        values = {
            "loss/train": loss,
            "gradient_norm": norm,
            "rate_share": share,
            "tokens_per_second": speed,
        }
        self._each(lambda logger: logger.scalars(step, values))

    def held_out(self, step: int, found: Validation) -> None:
        """Log an evaluation."""
        values = {"loss/held_out": found.loss}
        if found.accuracy is not None:
            values["accuracy/held_out"] = found.accuracy
        self._each(lambda logger: logger.scalars(step, values))

    def close(self) -> None:
        """Write what is still held."""
        self._each(lambda logger: logger.close())

    @contextlib.contextmanager
    def closed_if_it_ends(self) -> Iterator[None]:
        """Close where an error or a stop ends the run; else more is to be logged."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def __bool__(self) -> bool:
        """True where one is on."""
        return bool(self._on)

    def _each(self, call: Callable[[Logger], None]) -> None:
        for logger in list(self._on):
            try:
                call(logger)
            except Exception as error:  # a full disk or a network must not end a fold
                self._on.remove(logger)
                kind = type(logger).__name__
                say(f"{self._name}: {kind} failed and is left out from here on: {error!r}")
