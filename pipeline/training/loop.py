"""The loop of one run: steps, evaluations, checkpoints, and nothing that decides a number."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pipeline import devices as machine
from pipeline import progress
from pipeline.errors import Stopped, UserError
from pipeline.training import loss_scale
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.history import History, Validation
from pipeline.training.interruptions import Interruptions
from pipeline.training.loggers.loggers import Loggers
from pipeline.training.optimizer import schedule as share_of_peak
from pipeline.training.schedule import Schedule
from pipeline.training.step import Step, StepMetrics, TrainState

Validate = Callable[[Any], Validation]


@dataclass
class Best:
    """The parameters with the lowest validation loss, held on the host; `select: best` alone."""

    loss: float = math.inf
    params: Any = None
    step: int = 0


@dataclass
class Meter:
    """Speed of a run, whatever processes took part: real tokens over seconds of its steps.

    The first step of each process doesn't count: it compiles.
    """

    tokens: int = 0
    seconds: float = 0.0
    first_step: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def count(self, tokens: int) -> None:
        """Note a step that has ended."""
        now = time.monotonic()
        if self.first_step == 0.0:
            self.first_step = now - self._since  # compilation, mostly
        else:
            self.tokens += tokens
            self.seconds += now - self._since
        self._since = now

    def pause(self) -> None:
        """Leave out what passed since the last step: an evaluation or a save."""
        self._since = time.monotonic()

    @property
    def rate(self) -> float:
        """Real tokens a second; 0 before there is a figure."""
        return self.tokens / self.seconds if self.seconds else 0.0


class Loop:
    """Runs one fold, or one pre-training, to its end, or to where it is asked to stop."""

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        make_step: Callable[[], Step],
        validate: Validate | None,
        devices: Sequence[machine.Device],
        loggers: Loggers | None = None,
    ) -> None:
        """Begin with no step done.

        Args:
          name: the stage, for messages.
          schedule: the batches.
          make_step: makes the parallel train step; not called where every step is done.
          validate: maps parameters to figures; None: nothing is held out.
          devices: that the step runs on.
          loggers: of other tools; None: none. Whoever made them closes them.
        """
        self.loggers = loggers or Loggers(name)
        self._shares: Sequence[float] = ()
        self.name, self.schedule, self.validate = name, schedule, validate
        self._make_step, self.devices = make_step, devices
        self.trained_on = len(devices)
        self.meter = Meter()
        self.best = Best()
        self.resumed_from = 0
        self.skipped: int | None = None

    def run(
        self,
        state: TrainState,
        checkpoints: Checkpoints,
        interruptions: Interruptions,
        checkpoint_seconds: float,
    ) -> tuple[TrainState, History]:
        """Train from `state`, or from the last checkpoint if there is one.

        Raises:
          UserError: a loss is not finite, under no scale of it where there is one; the last
            checkpoint stays.
          Stopped: a signal or the session's limit; the state is saved.
        """
        state, history = self._begin(state, checkpoints)
        if self.loggers:
            steps, last = jnp.arange(self.schedule.total), jnp.asarray(self.schedule.total)
            self._shares = share_of_peak(steps, last, self.schedule.options.optimizer).tolist()
            self.loggers.start(self.resumed_from)
        total, validate = self.schedule.total, self.validate
        evaluations = self.schedule.evaluations if validate else set[int]()
        accumulation = self.schedule.options.accumulation
        saved, pending = time.monotonic(), None
        done = self.resumed_from
        if done == total:
            self._count_skipped(state)
            return state, history
        step = self._make_step()
        with progress.bar(total, "step", self.name, initial=done) as bar:
            for batch in self.schedule.batches(done):
                share = machine.split(batch, len(self.devices), accumulation)
                state, metrics = step(state, share)
                # One step behind, so that the host packs a batch while the devices work.
                self._note(pending, history, bar)
                done += 1
                pending = (done, metrics, int(np.count_nonzero(batch.segment)))
                reason = interruptions.reason()
                due = time.monotonic() - saved >= checkpoint_seconds
                if not (reason or due or done in evaluations):
                    continue
                # Before a save: its curve holds this step, and a loss that is not finite stops it.
                self._note(pending, history, bar)
                pending = None
                if validate and done in evaluations:
                    self.note_validation(state.params, validate(state.params), done, history)
                if reason or due:
                    self.save(state, done, history, checkpoints)
                    saved = time.monotonic()
                if reason and done < total:
                    raise Stopped(
                        f"{self.name}: {reason} at step {done} of {total}; saved in "
                        f"{checkpoints.folder}, run the same command to go on"
                    )
                self.meter.pause()
            self._note(pending, history, bar)
        self._count_skipped(state)
        return state, history

    def _count_skipped(self, state: TrainState) -> None:
        """Say how many steps of the whole run were skipped, where its loss is scaled."""
        if scaling := loss_scale.of(state.moments):
            self.skipped = int(scaling.skipped)
            progress.say(
                f"{self.name}: {self.skipped} of {self.schedule.total} steps skipped, for their "
                f"gradient overflowed; the loss's scale ends at {float(scaling.scale):g}"
            )

    def _begin(self, state: TrainState, checkpoints: Checkpoints) -> tuple[TrainState, History]:
        keep_best = self.schedule.options.select == "best"
        like = {"state": state, "best": state.params if keep_best else {}}
        found = checkpoints.restore(like)
        notes = found.notes if found else None
        history = History(self.schedule.total, notes and notes["history"])
        if found is None or notes is None:
            return state, history
        self.resumed_from = found.step
        if keep_best and notes["best"]["step"]:
            best = jax.device_get(found.arrays["best"])
            self.best = Best(notes["best"]["loss"], best, notes["best"]["step"])
        self.meter = Meter(**notes["meter"])
        whole = found.step == self.schedule.total
        if whole:
            self.trained_on = notes["devices"]
        progress.say(
            f"{self.name}: resumed at step {found.step} of {self.schedule.total}"
            + (f", trained on {self.trained_on} device(s)" if whole else "")
        )
        # The plan doesn't depend on the devices, so this is no error: only sums round differently.
        if not whole and notes["devices"] != len(self.devices):
            progress.say(
                f"{self.name}: saved with {notes['devices']} device(s), going on with "
                f"{len(self.devices)}; the last bits may differ"
            )
        return found.arrays["state"], history

    def save(
        self, state: TrainState, step: int, history: History, checkpoints: Checkpoints
    ) -> None:
        """Save all that a run goes on from after `step`, in the background."""
        keep_best = self.schedule.options.select == "best"
        # The same tree before the first evaluation as after it, since `restore` expects one form.
        best = (self.best.params or jax.device_get(state.params)) if keep_best else {}
        loss = self.best.loss if self.best.step else 0.0  # JSON has no infinity
        notes = {
            "history": history.state(),
            "best": {"loss": loss, "step": self.best.step},
            "devices": len(self.devices),
            "meter": {"tokens": self.meter.tokens, "seconds": self.meter.seconds},
        }
        checkpoints.save(step, {"state": state, "best": best}, notes)

    def note_validation(self, params: Any, found: Validation, step: int, history: History) -> None:
        """Record an evaluation and keep the best parameters where they are asked for.

        Raises:
          UserError: the loss is not finite.
        """
        if not math.isfinite(found.loss):
            raise UserError(
                f"{self.name}: the validation loss is not finite at step {step} (loss "
                f"{found.loss}); nothing is published. Try a lower rate or compute.dtype float32"
            )
        history.validation(step, self.schedule.epoch(step), found)
        self.loggers.held_out(step, found)
        also = "" if found.accuracy is None else f", accuracy {found.accuracy:.4f}"
        progress.say(
            f"{self.name}: step {step} of {self.schedule.total}, validation log loss "
            f"{found.loss:.4f}{also}"
        )
        if self.schedule.options.select == "best" and found.loss < self.best.loss:
            # On the host: the next step donates the device's own copy.
            self.best = Best(found.loss, jax.device_get(params), step)

    def _note(
        self, pending: tuple[int, StepMetrics, int] | None, history: History, bar: Any
    ) -> None:
        """Take in a step's figures; waits for the devices."""
        if pending is None:
            return
        step, metrics, tokens = pending
        loss, norm = float(metrics.loss), float(metrics.norm)
        finite, scaling = math.isfinite(loss) and math.isfinite(norm), metrics.scaling
        if not finite and (scaling is None or scaling.exhausted):
            tried = f", whatever scale down to {loss_scale.LEAST:.1g} it has" if scaling else ""
            raise UserError(
                f"{self.name}: the loss or its gradient is not finite at step {step} "
                f"(loss {loss}){tried}; nothing is published, the last checkpoint stays. "
                f"Try a lower rate or compute.dtype float32"
            )
        self.meter.count(tokens)
        bar.update(1)
        if not finite:
            return  # skipped, so the curves have no point of it
        history.train(step, self.schedule.epoch(step), loss, norm)
        if self.loggers:
            self.loggers.step(step, loss, norm, self._shares[step - 1], self.meter.rate)
        bar.set_postfix_str(f"loss {loss:.4f}, {self.meter.rate:,.0f} tokens/s", refresh=False)
